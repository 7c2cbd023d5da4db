import io

from matplotlib.image import imread

from rag_pipelines.models.tuning.curves import curves_png
from rag_pipelines.models.tuning.training import Trained

LOSS = [{"step": 1.0, "loss": 3.0}, {"step": 2.0, "loss": 2.0, "eval_loss": 2.5}]
REWARD = [{"step": 1.0, "reward": 0.1, "kl": 0.0}, {"step": 2.0, "reward": 0.5, "kl": 2.0}]


def height(points: list[dict[str, float]]) -> int:
    return imread(io.BytesIO(curves_png(Trained(points, {}), "lora"))).shape[0]


def test_a_panel_is_drawn_for_each_group_of_figures_that_was_told():
    assert height(LOSS + REWARD) > height(LOSS)


def test_a_training_that_told_nothing_is_still_a_picture():
    assert height([]) > 0


def test_the_same_curves_are_the_same_picture():
    assert curves_png(Trained(LOSS, {}), "lora") == curves_png(Trained(LOSS, {}), "lora")


def test_a_place_without_figures_stays_empty():
    picture = imread(io.BytesIO(curves_png(Trained(LOSS, {}), "lora")))[..., :3]
    middle = picture.shape[1] // 2
    assert picture[:, :middle].min() < 1
    assert picture[80:, middle + 40 :].min() == 1
