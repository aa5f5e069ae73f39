"""Payloads of ready jobs, kept in memory as far as a budget goes; the store has them all."""

from penstock.jobs.model import JobId


class PayloadCache:
    """A bounded set of payloads. Nothing pushes another out: what has no room is not kept."""

    __slots__ = ("_bytes", "_payloads", "bytes_max", "item_bytes_max")

    def __init__(self, bytes_max: int, item_bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.item_bytes_max = item_bytes_max
        self._bytes = 0
        self._payloads: dict[JobId, bytes] = {}

    def __contains__(self, job_id: JobId) -> bool:
        return job_id in self._payloads

    def put(self, job_id: JobId, payload: bytes) -> None:
        size = len(payload)
        if size <= self.item_bytes_max and self._bytes + size <= self.bytes_max:
            self._payloads[job_id] = payload
            self._bytes += size

    def take(self, job_id: JobId) -> bytes | None:
        payload = self._payloads.pop(job_id, None)
        if payload is not None:
            self._bytes -= len(payload)
        return payload
