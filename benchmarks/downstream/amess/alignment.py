"""Bring a modality to the text's length without knowing which frame belongs to which word."""

from __future__ import annotations

import torch
from torch import nn


class CTCAlignment(nn.Module):  # type: ignore[misc]  # torch is not followed
    """Connectionist temporal alignment, as MulT and MAG-BERT's reference code have it.

    A two-layer LSTM says of each frame to which of `length` places it belongs, or to none (the
    blank); a place is the sum of the frames weighted by that. (A-MESS section III-B takes
    MAG-BERT's alignment over; Tsai et al., ACL 2019, appendix.)

    In that code the shares are softmax of the LSTM's states. These lie in (-1, 1), so no share is
    more than e² = 7.4 times another, however plainly one frame matters. A linear layer between the
    two lifts that bound.

    Parameters
    ----------
    width
        Of a frame.
    length
        Places to align to.
    readout
        Whether there is that layer; False: as in the code of MulT and MAG-BERT.
    """

    def __init__(self, width: int, length: int, *, readout: bool = True) -> None:
        super().__init__()
        self.reader = nn.LSTM(width, length + 1, num_layers=2, batch_first=True)
        self.readout = nn.Linear(length + 1, length + 1) if readout else nn.Identity()

    def forward(self, frames: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Align.

        Parameters
        ----------
        frames
            Shape (n, frames, width).
        present
            Shape (n, frames), bool: False for padding, which goes to no place.

        Returns
        -------
        Tensor
            Shape (n, length, width).
        """
        if frames.shape[1] == self.reader.hidden_size - 1:
            return frames  # aligned already, as the reference code has it
        states, _ = self.reader(frames)
        shares = self.readout(states).softmax(-1)[..., 1:] * present.unsqueeze(-1)
        return torch.bmm(shares.transpose(1, 2), frames)
