"""How a face is cut for a model."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class FaceInput:
    """How a face is cut for a model.

    Attributes:
        size: Side of the face in pixels, as in the training data.
        margin: Part of the side that is added on each side: of the detector's box, or of the tight
            aligned face.
        grey: Whether the model was trained on grey faces.
        align: Whether the five landmarks are moved to where face recognition has them, by rotation,
            scale and shift; else the square around the box is cut.
        shift: Part of the side by which an aligned face is moved down; negative is up.
    """

    size: int = 112
    margin: float = 0.0
    grey: bool = False
    align: bool = False
    shift: float = 0.0

    def cut_by(
        self, align: bool | None = None, margin: float | None = None, whole: bool = False
    ) -> FaceInput:
        """The same face, cut in another way.

        Args:
            align: Whether faces are aligned. Defaults to None, as here.
            margin: Margin. Defaults to None: as here, but 0 where ``align`` changes, for a margin
                of aligned faces says nothing of boxes, and for whole images.
            whole: Whether images are faces already, which nothing aligns. Defaults to False.
        """
        align = not whole and (self.align if align is None else align)
        kept = 0.0 if whole or align != self.align else self.margin
        return replace(self, align=align, margin=kept if margin is None else margin)


FACE_INPUTS = {
    'FERPlus': FaceInput(size=48, margin=-0.07, grey=True, align=True, shift=-0.07),
    'RAFDB': FaceInput(size=100, align=True),
}
"""Faces as the data sets have them; a config overrides it with ``face_input = dict(...)``.

RAF-DB ships aligned faces. Those of FERPlus are loose squares whose eyes lie 0.37 of the side apart
and tilt by up to 15 degrees; a margin of -0.07 gives aligned faces the same distance. A model that
was trained on FERPlus names the expressions of its own faces, found again and aligned like this, at
least as well as those of the squares around the boxes, and keeps that of a photo which is turned
further than any face it has seen, where the square loses it. Their eyes and mouths lie at 0.38 and
0.78 of the height (``tools/analysis_tools/face_frame.py``), near which a shift of -0.07 brings
aligned ones, so that a crop shows the parts of a face that it showed in training. Other data sets
get the square.
"""
