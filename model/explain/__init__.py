"""Why a key has its score: the version that gave it, what each input did, and where it stood among training rows."""
