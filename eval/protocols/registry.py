"""Protocols by the name they have on the command line."""

from importlib import import_module

from eval.protocol import Protocol
from synthgen.core.errors import UsageError

# Name -> what it scores; the module eval.protocols.NAME has PROTOCOL, and is loaded when it is asked for.
TITLES: dict[str, str] = {
    "aflw2000": "AFLW2000-3D, 68 points, 2D and 3D",
    "aflw2000_pose": "AFLW2000-3D head pose: Euler angles of 300W-LP, geodesic",
    "aflw21": "AFLW, 21 visible points of 21,080 faces",
    "aflw_pifa": "AFLW-PIFA, 21 and 34 visible points of 1,299 faces",
    "lfpa34": "AFLW-LFPA, 34 visible points of 1,299 faces",
    "aflw19": "AFLW, 19 points, Full and Frontal",
    "w300": "300W, 68 points",
    "wflw": "WFLW, 98 points, seven subsets",
    "vw300": "300VW, 68 points of videos",
    "menpo3d": "Menpo-3D, 68 points of videos: accuracy, stability, jitter",
    "gt_box": "true boxes against given ones (anisotropic Table 3): one benchmark scored twice",
    "synthetic": "synthetic benchmark: exact labels, by yaw, light, occlusion and expression",
    "sweeps": "sweeps on rendered faces: yaw, occluded features, light x yaw, box jitter (dfc Figs. 7-9)",
    "florence": "Florence: reconstruction from renderings of scans at 15 poses",
    "tracking": "deformable tracking on videos: starts from the mean shape, from a network, warm",
    "helen_parts": "Helen: IoU of eight parts (densereg Table 1)",
    "flow_files": "end-point error of .flo files",
    "dense_vertices": "AFLW2000-3D dense: vertices in correspondence, and after ICP",
    "micc": "MICC: one head per subject against its scans, cut at 95 mm about the nose tip",
}


def load_protocol(name: str) -> Protocol:
    """The protocol of that name. Raises UsageError for an unknown one."""
    if name not in TITLES:
        raise UsageError(f"no protocol {name!r}; there are {', '.join(TITLES)}")
    protocol: Protocol = import_module(f"eval.protocols.{name}").PROTOCOL
    return protocol
