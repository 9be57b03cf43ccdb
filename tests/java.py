"""How tests start Java: they ask thousands of small questions, on few cores."""

QUICK = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"
"""Code is compiled fast and once: to optimise it took half of the time of all tests. With room for as much as usual, which
Java would otherwise cut to a fifth."""
ENVIRONMENT = {"JAVA_TOOL_OPTIONS": QUICK}
"""For processes that a test starts."""
