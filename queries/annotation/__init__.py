"""What people think of intentions: tasks for them, their votes, how far they agree."""
