"""Where a page's pictures are: geometry alone, no PDF."""

from rag_pipelines.documents.figures_regions import Shape, clusters, picture_regions

WIDTH, HEIGHT = 600.0, 800.0
PHOTOGRAPH = Shape("image", [100, 100, 300, 250])


def test_a_photograph_is_a_picture():
    regions = picture_regions([PHOTOGRAPH], WIDTH, HEIGHT, [])
    assert [region.box for region in regions] == [[100, 100, 300, 250]]
    assert regions[0].image_share == 1.0


def test_a_background_of_one_piece_is_none():
    assert picture_regions([Shape("image", [0, 0, WIDTH, HEIGHT])], WIDTH, HEIGHT, []) == []


def test_a_background_in_strips_is_none_with_a_table_on_it():
    strips = [Shape("image", [0, top, WIDTH, top + 100]) for top in range(0, 800, 100)]
    table = [50.0, 300.0, 550.0, 500.0]
    assert picture_regions(strips, WIDTH, HEIGHT, [], [table]) == []


def test_a_picture_before_a_background_stays():
    drawn = [Shape("path", [0, 0, WIDTH, HEIGHT]), PHOTOGRAPH]
    regions = picture_regions(drawn, WIDTH, HEIGHT, [])
    assert [region.box for region in regions] == [PHOTOGRAPH.box]


def test_what_lies_in_a_table_is_none():
    assert picture_regions([PHOTOGRAPH], WIDTH, HEIGHT, [], [[50, 50, 400, 400]]) == []


def test_icons_are_none():
    assert picture_regions([Shape("image", [10, 10, 30, 30])], WIDTH, HEIGHT, []) == []


def test_shapes_close_to_each_other_are_one_and_others_are_not():
    near = [Shape("path", [0, 0, 10, 10]), Shape("path", [15, 0, 25, 10])]
    far = Shape("path", [200, 200, 210, 210])
    assert sorted(len(region.shapes) for region in clusters([*near, far])) == [1, 2]
