"""Lineage as a graph: Graphviz and Mermaid.

Names come from buckets and trackers and may be hostile: nodes are numbered by us, and names appear only inside quoted
labels, escaped for the language.
"""

from dataclasses import dataclass, field

from wabucketref.cli.render.text import printable
from wabucketref.model.mermaid import Shape, flowchart
from wabucketref.model.run import Lineage, RunInfo


@dataclass
class Graph:
    """Nodes in order of appearance, edges between their numbers."""

    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    """(kind, identity) to number; the kind is ``artifact`` or ``run``."""
    nodes: list[tuple[str, str]] = field(default_factory=list)
    """(kind, label) by number."""
    edges: dict[tuple[int, int], None] = field(default_factory=dict)

    def node(self, kind: str, identity: str, label: str) -> int:
        """The number of a node, which is made when it is new."""
        number = self.numbers.setdefault((kind, identity), len(self.nodes))
        if number == len(self.nodes):
            self.nodes.append((kind, label))
        return number

    def edge(self, start: int, end: int) -> None:
        """An arrow, once."""
        self.edges[start, end] = None


def build(lineage: Lineage) -> Graph:
    """The artifact, its producer with inputs, its users with outputs."""
    graph = Graph()
    centre = graph.node("artifact", str(lineage.artifact.ref), str(lineage.artifact.ref))
    if lineage.produced_by:
        maker = _run_node(graph, lineage.produced_by)
        for reference in lineage.produced_by.inputs:
            graph.edge(graph.node("artifact", reference, reference), maker)
        graph.edge(maker, centre)
    for run in lineage.used_by:
        user = _run_node(graph, run)
        graph.edge(centre, user)
        for reference in run.outputs:
            graph.edge(user, graph.node("artifact", reference, reference))
    return graph


def _run_node(graph: Graph, run: RunInfo) -> int:
    return graph.node("run", run.id, run.name or run.id)


def dot(lineage: Lineage) -> list[str]:
    """Graphviz: artifacts are boxes, runs ellipses."""
    graph = build(lineage)
    lines = ["digraph lineage {", "  rankdir=LR;"]
    for number, (kind, label) in enumerate(graph.nodes):
        shape = "box" if kind == "artifact" else "ellipse"
        lines.append(f'  n{number} [shape={shape}, label="{_dot_text(label)}"];')
    lines += [f"  n{start} -> n{end};" for start, end in graph.edges]
    return [*lines, "}"]


def mermaid(lineage: Lineage) -> list[str]:
    """A Mermaid flowchart: artifacts are boxes, runs rounded."""
    graph = build(lineage)
    nodes: list[tuple[Shape, str]] = [
        ("box" if kind == "artifact" else "rounded", printable(label)) for kind, label in graph.nodes
    ]
    return flowchart(nodes, graph.edges)


def _dot_text(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')
