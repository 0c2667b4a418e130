"""Keys and what is signed with them: NATS identities, grants, envelopes, secrets on disk."""

from vonggac.keys.chain import Chain, Change, Earlier, announce, announced_old
from vonggac.keys.files import Box, make_folder, read_secret, write_secret
from vonggac.keys.grants import Grant, Verified, issue, signer, verify
from vonggac.keys.nkey import NKey, Permissions, Role, is_public, name_in
from vonggac.keys.site import (
    Genuine,
    SigningKey,
    new_seed,
    seal,
    sign_survey,
    verify_envelope,
    verify_survey,
)
from vonggac.keys.trust import (
    HUB_CONSUMER,
    LEAF_NAME,
    LEDGER,
    LEDGERS,
    VIEWER_CAMERAS,
    VIEWER_LIFE_S,
    WANT,
    Credential,
    Trust,
    ViewerSigner,
    new_id,
)

__all__ = [
    "HUB_CONSUMER",
    "LEAF_NAME",
    "LEDGER",
    "LEDGERS",
    "VIEWER_CAMERAS",
    "VIEWER_LIFE_S",
    "WANT",
    "Box",
    "Chain",
    "Change",
    "Credential",
    "Earlier",
    "Genuine",
    "Grant",
    "NKey",
    "Permissions",
    "Role",
    "SigningKey",
    "Trust",
    "Verified",
    "ViewerSigner",
    "announce",
    "announced_old",
    "is_public",
    "issue",
    "make_folder",
    "name_in",
    "new_id",
    "new_seed",
    "read_secret",
    "seal",
    "sign_survey",
    "signer",
    "verify",
    "verify_envelope",
    "verify_survey",
    "write_secret",
]
