"""Stands in for a repository of the Hub in a job: a folder, VAPOR_TEST_REPOSITORIES/OWNER/NAME. The rest is real."""

import inspect
import os
import runpy
import shutil
import sys
from pathlib import Path

import huggingface_hub
from huggingface_hub.utils import filter_repo_objects

ROOT = Path(os.environ["VAPOR_TEST_REPOSITORIES"])
REAL = {
    name: getattr(huggingface_hub, name) for name in ("create_repo", "upload_folder", "snapshot_download")
}


def files(folder):
    return [str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()]


def taking(function):
    """Takes what the real one of its name takes, and nothing else."""

    def take(*given, **named):
        return function(**inspect.signature(REAL[function.__name__]).bind(*given, **named).arguments)

    return take


@taking
def create_repo(repo_id, private, exist_ok):
    assert private and exist_ok
    (ROOT / repo_id).mkdir(parents=True, exist_ok=True)


@taking
def upload_folder(repo_id, folder_path, delete_patterns, commit_message, allow_patterns=None):
    place = ROOT / repo_id
    fresh = list(filter_repo_objects(files(folder_path), allow_patterns=allow_patterns))
    for name in filter_repo_objects(files(place), allow_patterns=delete_patterns):
        (place / name).unlink()
    for name in fresh:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(folder_path) / name, place / name)


@taking
def snapshot_download(repo_id, allow_patterns, local_dir):
    for name in filter_repo_objects(files(ROOT / repo_id), allow_patterns=allow_patterns):
        (Path(local_dir) / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / repo_id / name, Path(local_dir) / name)


if __name__ == "__main__":
    for each in (create_repo, upload_folder, snapshot_download):
        name = inspect.getclosurevars(each).nonlocals["function"].__name__
        setattr(huggingface_hub, name, each)
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
