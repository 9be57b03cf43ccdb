"""Telling people what is wrong, once; and when it is over.

`findings` says what the tables know of a night, `due` what of it somebody has to be told, `record` keeps both and what
came of it in `ops.alerts`, `message` puts it into words, `channels` has a file for each way to send them, and `tell`
does it all.
"""
