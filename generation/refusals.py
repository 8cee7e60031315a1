"""Replies in which a model declines, or has nothing to say, instead of answering.

People's own intentions hold words of apology and denial too ("to say sorry", "cannot sleep"), so a
refusal is told by what only an assistant says: that it, as a model, cannot do what was asked.
"""

from __future__ import annotations

import re
import unicodedata


def _any(*ways: str) -> str:
    return f"(?:{'|'.join(ways)})"


_CANNOT = (
    _any(
        "can(?:no|['’])?t",
        "can not",
        "could(?: not|n['’]?t)",
        "won['’]?t",
        "will not",
        "(?:am|['’]?m) (?:not (?:able|going|comfortable)|unable)",
        "(?:must )?decline",
    )
    + "(?: to)?"
)
_DO = _any(
    "assist",
    "help (?:you )?(?:with|by)",
    "help you",
    "answer|respond|comply|process|provide|engage|participate|discuss|continue",
    "fulfil\\w*|generat\\w+|creat\\w+|produc\\w+|analy[sz]\\w+|describ\\w+|identif\\w+",
    "view|see|access|open|interpret|determine|infer",
    "complete (?:this|that|the|your)",
    "writ(?:e|ing) (?:that|this|the|an?) (?:intention|content|repl)",
    "make (?:assumptions|inferences)",
    "support (?:this|that|the) request",
)
_ASKED = _any(
    "request|question|information|intention|content|post|tweet|image|picture|photo",
    "that|this|you|with",
)
_SORRY = (
    "(?:i(?:['’]m| am)? |im |we(?:['’]re| are)? )?"
    "(?:(?:very |so |really |terribly )?sorry|apologi[sz]e|my apologies|unfortunately|regrettably)"
    "[,.:;!]? ?(?:for the (?:confusion|inconvenience)[,.]? ?)?(?:but |however,? |that )*"
    "(?:as an? [\\w -]{0,40}?,? )?"
)
_MODEL = (
    _any("ai", "artificial intelligence", "(?:large )?language", "vision[- ]language", "text-based")
    + "[\\w -]{0,20}?(?:model|assistant|ai|system)?\\b"
    + _any(",", "\\.", " and", " i ", " developed", " created", " trained", "$")
)
_REFUSALS = (
    f"{_SORRY}(?:i|we) {_CANNOT}\\b",
    f"i(?:['’]m| am)? ?{_CANNOT} {_DO}\\b.{{0,80}}\\b{_ASKED}\\b",
    f"(?:i(?:['’]m| am) |as )(?:just |only )?an? {_MODEL}",
    "(?:this|the|your) (?:request|prompt|content|post|image) "
    "(?:goes against|violates|is against|may violate|appears to violate)",
    "(?:it(?:['’]s| is) )?against my (?:guidelines|policy|programming|policies)",
    "i do(?:n['’]t| not) have (?:access to|the ability to|enough (?:information|context) to)",
    "i do(?:n['’]t| not) feel comfortable",
    # Chinese, Japanese, Korean
    "(?:很)?(?:抱歉|对不起|對不起)[，,。！! ]{0,2}.{0,12}(?:无法|無法|不能|不可以|没办法|不便)",
    "(?:我|本助手).{0,4}(?:无法|無法|不能)(?:提供|回答|协助|協助|帮助|幫助|生成|处理|處理|满足|完成|查看|描述)",
    "作[为為](?:一[个個]|一名)? ?(?:ai|人工智能|人工智慧|大?语言模型|大?語言模型)",
    "申し訳(?:ありません|ございません).{0,30}(?:できません|かねます|ません)",
    "죄송(?:합니다|하지만).{0,40}(?:수 없|어렵|못)",
    # Spanish, Italian, French, German, Portuguese, Russian, Arabic, Indonesian
    "lo siento,?.{0,12}(?:no puedo|no me es posible)|como (?:un )?modelo de lenguaje",
    "(?:lo|mi) dispiace,?.{0,12}(?:non posso|non sono in grado)|come modello linguistico",
    "(?:je suis )?(?:désolée?|navrée?),?.{0,16}je ne (?:peux|suis)",
    "en tant qu(?:e modèle|['’]ia|['’]assistant)",
    "(?:es )?tut mir (?:sehr )?leid,?.{0,12}(?:ich kann|das kann ich|kann ich)",
    "als (?:ki|sprachmodell)\\b",
    "(?:desculpe?|sinto muito|lamento),?.{0,16}(?:não posso|não consigo)",
    "como (?:um )?modelo de linguagem",
    "(?:извините|простите|к сожалению),?.{0,16}(?:я )?не (?:могу|в состоянии)|как языковая модель",
    "(?:آسف|عذر|أعتذر).{0,30}(?:لا (?:أستطيع|يمكنني))",
    "(?:mohon )?maaf,?.{0,16}tidak (?:dapat|bisa)",
)
_REFUSAL = re.compile(rf"\W*{_any(*_REFUSALS)}", re.IGNORECASE | re.DOTALL)

_WAYS = (
    "none|no|n/a|na|n.a|n.a.|nil|null|nothing|nan|not applicable|not available|"
    "not specified|unspecified|not mentioned|not stated|not provided|not given|unknown|"
    "unclear|undefined|undetermined|no intention|no intentions|no answer|"
    "no response|no reply|no information|no effect|no reaction|no clear intention|"
    "no specific intention|none specified|none given|none mentioned|none applicable|"
    "cannot be determined|cannot be inferred|can't be determined|cannot determine|"
    "insufficient information|not enough information|there is none|there is no intention|"
    "no comment|tbd|to be determined|string|intention|tail|"
    "placeholder|your answer|write here|lorem ipsum|"
    "无|無|没有|沒有|不适用|不適用|未知|不明|没有意图|"
    "なし|特になし|該当なし|不明です|없음|해당 없음|모름|"
    "ninguna|ninguno|nada|no aplica|no especificado|desconocido|"
    "aucun|aucune|rien|néant|inconnu|sans objet|keine|keiner|keines|nichts|kein|unbekannt|"
    "entfällt|nicht zutreffend|nessuno|nessuna|niente|sconosciuto|nenhum|nenhuma|"
    "não se aplica|desconhecido|нет|ничего|неизвестно|не указано|لا شيء|لا يوجد|غير معروف|"
    "tidak ada|geen|niets|onbekend|brak|żaden|hiç|yok"
)
_NOTHING = frozenset(_WAYS.split("|"))
_RIM = re.compile(r"^[\W_]+|[\W_]+$")


def is_refusal(text: str) -> bool:
    """See whether a reply, or a tail, declines to answer.

    Examples
    --------
    >>> is_refusal("I'm sorry, but I can't assist with that request.")
    True
    >>> is_refusal("to say sorry that they can't come")
    False
    """
    return _REFUSAL.match(" ".join(text[:400].split())) is not None


def is_nothing(text: str) -> bool:
    """See whether a tail says that there is none, or is a placeholder.

    Examples
    --------
    >>> is_nothing("N/A."), is_nothing("(none)"), is_nothing("nothing but noise")
    (True, True, False)
    """
    if len(text) > 80:
        return False
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return folded in _NOTHING or _RIM.sub("", folded) in _NOTHING
