"""A picture of the benchmark: ``python bench/plot.py RESULTS.json TO.png``.

Drawn by a program of its own, since matplotlib is in the environment of the peers and not in the service's.
"""

import argparse
import json
import math
from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

# Okabe and Ito's colours, which everybody can tell apart; the markers and dashes do so without any colour.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_DASHES = ("-", "--", "-.", ":")
_COLUMNS = 3


def plot(results: dict[str, Any], to: Path) -> None:
    """Draw throughput and p99 against concurrency as a PNG, a line for each name in ``results["curves"]``.

    A curve is a list of points: ``{"name", "connections", "rate", "p50", "p99"}``, in seconds. The machine is
    told by ``results["machine"]["summary"]``.
    """
    names = list(dict.fromkeys(point["name"] for point in results["curves"]))
    legend_height = 0.25 * math.ceil(max(1, len(names)) / _COLUMNS)
    figure = Figure(figsize=(12, 5.5 + legend_height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, height_ratios=[5, legend_height])
    throughput, latency = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    legend = figure.add_subplot(grid[1, :])
    styles = zip(cycle(_COLOURS), cycle(_MARKERS), cycle(_DASHES), strict=False)
    for name, (colour, marker, dashes) in zip(names, styles, strict=False):
        points = sorted((p for p in results["curves"] if p["name"] == name), key=lambda p: p["connections"])
        at = [point["connections"] for point in points]
        rates, p99s = [point["rate"] for point in points], [point["p99"] * 1000 for point in points]
        for axes, values in ((throughput, rates), (latency, p99s)):
            axes.plot(at, values, label=name, color=colour, marker=marker, linestyle=dashes, linewidth=1.8)
    concurrencies = sorted({point["connections"] for point in results["curves"]})
    _label(throughput, "Throughput: higher is better", "requests/s", concurrencies)
    _label(latency, "99th percentile of latency: lower is better", "ms", concurrencies)
    figure.suptitle("authsvc, its floors and its peers", fontsize=15, fontweight="bold")
    legend.axis("off")
    legend.legend(*throughput.get_legend_handles_labels(), loc="center", ncols=_COLUMNS, frameon=False)
    figure.supxlabel(results["machine"]["summary"], fontsize=9, color="#444444")
    figure.savefig(to, dpi=150, format="png")


def _label(axes: Axes, title: str, unit: str, concurrencies: list[int]) -> None:
    axes.set(xscale="log", yscale="log", title=title, xlabel="concurrent connections", ylabel=unit)
    axes.set_xticks(concurrencies, [str(number) for number in concurrencies])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", bottom=False)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.grid(which="major", color="#cccccc", linewidth=0.8)
    axes.grid(which="minor", axis="y", color="#eeeeee", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("to", type=Path)
    chosen = parser.parse_args()
    plot(json.loads(chosen.results.read_text(encoding="utf-8")), chosen.to)


if __name__ == "__main__":
    main()
