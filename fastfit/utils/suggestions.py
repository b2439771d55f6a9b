"""Names that were meant, where an unknown one is near."""

import difflib
import inspect
import re


def nearest(name, known):
    """Return the names that are most like one that is not known: at most three, best first.

    Parameters
    ----------
    name : str
    known : iterable of str
        The same thing may be there under several spellings: the one that is spelt most like ``name`` is returned.
    """
    spellings = {}
    for k in known:
        if isinstance(k, str) and not k.startswith("_"):
            spellings.setdefault(_letters(k), []).append(k)
    wanted = _letters(name)
    found = [wanted] if wanted in spellings else _initials(wanted, spellings)
    if not found and len(wanted) > 1:
        found = sorted((k for k in spellings if k.startswith(wanted)), key=len)
    found = found or difflib.get_close_matches(wanted, spellings, 1, 0.8) or _same_words(name, spellings)
    found = found or difflib.get_close_matches(wanted, spellings, 1, 0.7)
    return [max(spellings[k], key=lambda s: difflib.SequenceMatcher(None, name, s).ratio()) for k in found[:3]]


def _letters(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _initials(wanted, spellings):
    """What "rmse" abbreviates."""
    if len(wanted) < 3:
        return []
    return [k for k, names in spellings.items() if any("".join(p[:1] for p in n.split("_")) == wanted for n in names)]


def _same_words(name, spellings):
    """What "sparse_crossentropy" leaves a word out of, or "roc_auc" has one more than."""
    words = set(name.split("_"))
    longer = [k for k, names in spellings.items() if len(words) > 1 and any(words < set(n.split("_")) for n in names)]
    return sorted(longer, key=len) or [k for k in spellings if k in words and len(k) > 2]


def did_you_mean(name, known):
    """Return a sentence that names what was meant, with a space in front; or nothing."""
    found = nearest(name, known) if isinstance(name, str) else []
    return f" Did you mean {' or '.join(map(repr, found))}?" if found else ""


def unknown_attribute(module, public):
    """Return the ``__getattr__`` of a module, whose AttributeError names what was meant.

    Parameters
    ----------
    module : str
    public : dict
        Its globals.
    """

    def __getattr__(name):
        hint = ""
        if not name.startswith("_"):
            hint = did_you_mean(name, [k for k, v in public.items() if not inspect.ismodule(v)])
        if not hint and not name.startswith("_"):
            hint = " docs/keras.md lists what of Keras is left out."
        raise AttributeError(f"module {module!r} has no attribute {name!r}.{hint}")

    return __getattr__
