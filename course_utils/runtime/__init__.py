"""Seeds, devices, folders, records of measurements and the environment report."""

from course_utils.runtime.device import get_device
from course_utils.runtime.environment import environment_report
from course_utils.runtime.paths import data_dir, repo_root, results_dir
from course_utils.runtime.records import Band, band, load_record, save_record
from course_utils.runtime.seed import seed_everything

__all__ = [
    "Band",
    "band",
    "data_dir",
    "environment_report",
    "get_device",
    "load_record",
    "repo_root",
    "results_dir",
    "save_record",
    "seed_everything",
]
