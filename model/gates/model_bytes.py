"""A gate on how large a model is."""

from collections.abc import Iterable

from assay.sizes import Bytes, format_size
from model.candidate import Candidate
from model.gates.gate import Found, Settings, gate


class ModelBytes(Settings):
    """How large a model may be."""

    max: Bytes
    """The most bytes that its trees may have in XGBoost's own format, such as `5MB`."""

    @property
    def limit(self) -> str:
        """As `at most 5 MB`."""
        return f"at most {format_size(self.max)}"


@gate("model_bytes", ModelBytes)
def model_bytes(candidate: Candidate, settings: ModelBytes) -> Iterable[Found]:
    """Bytes of the trees: what every scoring task is sent and holds."""
    size = len(candidate.artifact.booster)
    yield Found(float(size), settings.limit, size <= settings.max, f"the trees have {format_size(size)}")
