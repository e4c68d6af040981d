"""Figures of the ECG phase study."""

from __future__ import annotations

from triptych.audit.plots import block_responses, embedding_maps, gallery, similarity_curves
from triptych_studies.figures import Album

GALLERY = ("plain", "augmentation", "simclr", "exact", "scl")
MAPPED = ("plain", "augmentation", "exact", "scl")
STRUCTURED = ("scl", "scl-predict", "scl-equivariant")  # the first that was run is looked into
DRAWN = {"matches": GALLERY, "showcase": GALLERY, "map": MAPPED, "blocks": STRUCTURED}
RELATIONS = {"morphology": "invariant", "timing": "variant", "detail": "free"}


def draw(album: Album) -> None:
    """Draw what the finished cells allow; one cell a method (its first seed)."""
    album.add(
        "similarity.png",
        "Similarity of a window to itself, shifted",
        similarity_curves,
        album.having("curve"),
        parameter="shift",
        unit="s",
        caption="Cosine of the latents of a test window and of the same window shifted, mean and "
        "95 % interval over people; dashed: mean cosine between windows of different people. A "
        "model that a shift does not disturb stays at 1, far above its dashed line.",
        alt="Curves of cosine similarity against the shift, one panel a method",
    )

    shown = album.having("matches", GALLERY)
    if shown:
        query = next(iter(album.having("showcase", GALLERY).values()))
        album.add(
            "gallery.png",
            "Retrieval of a beat whose window starts at another moment",
            gallery,
            query,
            shown,
            rate=200.0,
            caption=f"Left: the query, record {query['record']}, {query['shown']}. Right: its five "
            "nearest windows in the unshifted gallery by each method's latents, with cosine "
            "similarity, record and class of the nearest beat. A fixed rule chose the query: of "
            "the ventricular beats in records with at least 20 of them, the one with the largest "
            "shift under 200 ms.",
            alt="The query and the nearest windows of each method, drawn as signals",
        )

    for method, curves in list(album.having("blocks", STRUCTURED).items())[:1]:
        album.add(
            "blocks.png",
            f"Response of each block of {method} to the shift",
            block_responses,
            {f"{n} ({RELATIONS.get(n, 'free')})": curve for n, curve in curves.items()},
            parameter="shift",
            unit="s",
            caption="Distance (1 − cosine) of each block between a window and its shifted self; "
            "dashed: its distance between windows of different people.",
            alt="Curves of the distance of every block against the size of the shift",
        )

    album.add(
        "map.png",
        "Embedding of test windows",
        embedding_maps,
        album.having("map", MAPPED),
        caption="t-SNE of the latents of 800 test windows (invariant block where there is one), "
        "coloured by record and by AAMI class. A picture, not evidence: the figures are in the "
        "table.",
        alt="Two-dimensional maps of the latents of several methods",
    )
    album.add_intervals("seeds")
