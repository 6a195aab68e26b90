"""The table of what Vapor went through keeps what other commands wrote, and has the last word of each."""

from benchmarks.endurance import Ordeal, record


def lines(document):
    return [line for line in document.read_text().splitlines() if "<!--" in line]


def test_a_command_writes_its_own_rows_and_leaves_the_others(tmp_path):
    document = tmp_path / "endurance.md"
    rot = Ordeal("rot", "A byte is flipped", "make rot", "3 silent", "0 silent", False)
    kill = Ordeal("kill", "Killed", "make kill", "0 losses", "0 losses", True)
    record(rot, document=document)
    record(kill, document=document)
    assert [line.split(" | ")[0] for line in lines(document)] == ["| Killed", "| A byte is flipped"]
    again = Ordeal("rot", "A byte is flipped", "make rot", "0 silent | none", "0 silent", True)
    record(again, document=document)
    assert len(lines(document)) == 2
    assert "missed" not in document.read_text()
    assert "0 silent / none" in lines(document)[1]
