"""Text from outside (names of files, values, messages of libraries) as it may stand in a log or on a terminal."""


def printable(text: str) -> str:
    """The text on one line: a character that is no visible one is written as its escape.

    So a file name with a line feed makes no second line in a log, one with an escape sequence does not colour the
    terminal, and one with a mark that turns the writing direction does not read as another name.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
