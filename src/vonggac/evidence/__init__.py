"""Evidence: what an export holds, and how anybody verifies it with the site's public key alone.

Pure, but for the file that `container` reads; knows no bus, database or clock.
"""

from vonggac.evidence.container import EvidenceZip, Files, InMemory
from vonggac.evidence.manifest import (
    MANIFEST,
    SEAL,
    Absent,
    CameraEvidence,
    Clip,
    Gap,
    Manifest,
    Person,
    Request,
    Segment,
    encode_manifest,
    encode_sealed,
    fingerprint,
)
from vonggac.evidence.verify import Verdict, verify

__all__ = [
    "MANIFEST",
    "SEAL",
    "Absent",
    "CameraEvidence",
    "Clip",
    "EvidenceZip",
    "Files",
    "Gap",
    "InMemory",
    "Manifest",
    "Person",
    "Request",
    "Segment",
    "Verdict",
    "encode_manifest",
    "encode_sealed",
    "fingerprint",
    "verify",
]
