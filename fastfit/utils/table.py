"""Tables in box-drawing characters, with the column widths that `rich` would choose for Keras's summaries."""

import math
import re


def fit_widths(columns, line_length):
    """Return inner widths of columns (padding included) so that the table is ``line_length`` wide.

    Parameters
    ----------
    columns : list of int
        Wanted widths without padding.
    line_length : int
    """
    widths = [w + 2 for w in columns]
    room = line_length - len(widths) - 1
    excess = sum(widths) - room
    shared, left = [], len(widths)
    if excess > 0:
        for w in widths:
            cut = min(w, round(excess / left))
            shared.append(w - cut)
            excess -= cut
            left -= 1
        return shared
    missing = -excess
    for w in widths:
        extra = math.ceil(missing / left)
        shared.append(w + extra)
        missing -= extra
        left -= 1
    return shared


def wrap(text, width):
    """Break a text at spaces into lines of at most ``width``; what is still too long ends in an ellipsis."""
    lines, line = [], ""
    for word in re.findall(r"\s*\S+\s*", text):
        if line and len(line) + len(word.rstrip()) > width:
            lines.append(line)
            line = ""
        line += word
    lines = [each.rstrip() for each in [*lines, line]]
    return [each if len(each) <= width else each[: width - 1] + "…" for each in lines]


def _align(text, width, how):
    if how == "right":
        return text.rjust(width)
    if how == "center":
        left = (width - len(text)) // 2
        return " " * left + text + " " * (width - len(text) - left)
    return text.ljust(width)


def _row(cells, widths, alignment, bar, at_bottom=False):
    wrapped = [wrap(c, w - 2) for c, w in zip(cells, widths, strict=True)]
    lines = []
    height = max(map(len, wrapped))
    if at_bottom:
        wrapped = [[""] * (height - len(c)) + c for c in wrapped]
    for i in range(height):
        parts = []
        for lines_of_cell, w, how in zip(wrapped, widths, alignment, strict=True):
            text = lines_of_cell[i] if i < len(lines_of_cell) else ""
            parts.append(f" {_align(text, w - 2, how)} ")
        lines.append(bar + bar.join(parts) + bar)
    return lines


def render(header, rows, columns, alignment, line_length):
    """Return the table as text, each line ended by a newline.

    Parameters
    ----------
    header : list of str
    rows : list of list of str
    columns : list of int
        Wanted widths.
    alignment : list of {"left", "right", "center"}
    line_length : int
    """
    widths = fit_widths(columns, line_length)

    def rule(left, fill, middle, right):
        return left + middle.join(fill * w for w in widths) + right

    lines = [rule("┏", "━", "┳", "┓"), *_row(header, widths, alignment, "┃", at_bottom=True), rule("┡", "━", "╇", "┩")]
    for k, row in enumerate(rows):
        if k:
            lines.append(rule("├", "─", "┼", "┤"))
        lines += _row(row, widths, alignment, "│")
    lines.append(rule("└", "─", "┴", "┘"))
    return "\n".join(lines) + "\n"
