"""Writes folders of pictures that differ in colour, in shape or in texture, for `trainer predict --show FOLDER --folds 5`.

    python colours.py [FOLDER]      needs NumPy and Pillow
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
PICTURES = 20
rng = np.random.default_rng(0)


def save(folder, label, number, picture, deviation):
    """The picture with noise of this standard deviation, in levels of 255."""
    values = np.asarray(picture).astype(float)
    values += rng.normal(0, deviation, values.shape)
    place = ROOT / folder / label
    place.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.clip(0, 255).astype("uint8")).save(place / f"{number:03}.png")


def level(value):
    return int(max(0, min(255, value)))


def any_colour(low, high):
    return tuple(int(v) for v in rng.uniform(low, high, 3))


for label, colour in {"red": (1, 0.2, 0.2), "green": (0.2, 1, 0.2), "blue": (0.2, 0.2, 1)}.items():
    for number in range(PICTURES):
        light, change = rng.uniform(60, 220), rng.normal(0, 0.1, 3)
        painted = tuple(level(light * (v + d)) for v, d in zip(colour, change))
        save("rgb", label, number, Image.new("RGB", (64, 64), painted), 10)

for label, colour in {"ripe": (200, 50, 40), "unripe": (90, 160, 50)}.items():
    for number in range(PICTURES):
        ground = int(rng.uniform(120, 250))
        picture = Image.new("RGB", (80, 80), (ground, ground, ground))
        x, y, radius = rng.uniform(25, 55), rng.uniform(25, 55), rng.uniform(14, 24)
        light = rng.uniform(0.7, 1.2)
        painted = tuple(level(v * light + rng.normal(0, 15)) for v in colour)
        ImageDraw.Draw(picture).ellipse([x - radius, y - radius, x + radius, y + radius], fill=painted)
        save("ripe", label, number, picture, 8)

things = {"orange": (230, 120, 30), "teal": (20, 150, 170), "purple": (170, 90, 200), "olive": (140, 140, 30)}
for label, colour in things.items():
    for number in range(PICTURES):
        picture = Image.new("RGB", (96, 72), any_colour(90, 200))
        draw = ImageDraw.Draw(picture)
        for _ in range(6):
            x, y = rng.uniform(0, 96), rng.uniform(0, 72)
            side = rng.uniform(5, 30)
            draw.rectangle([x, y, x + side, y + side], fill=any_colour(60, 200))
        x, y = rng.uniform(30, 66), rng.uniform(25, 47)
        radius = rng.uniform(14, 20)
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)
        save("thing", label, number, picture, 6)

for label, colour in {"warm": (200, 180, 150), "cool": (160, 180, 200)}.items():
    for number in range(PICTURES):
        light = rng.uniform(0.5, 1.2)
        painted = tuple(int(min(255, v * light)) for v in colour)
        save("tint", label, number, Image.new("RGB", (50, 50), painted), 12)

for label, range_of_grey in {"dark": (20, 90), "bright": (150, 240)}.items():
    for number in range(PICTURES):
        grey = int(rng.uniform(*range_of_grey))
        save("bright", label, number, Image.new("RGB", (50, 50), (grey, grey, grey)), 8)

for label in ["disc", "square", "cross"]:
    for number in range(PICTURES):
        picture = Image.new("RGB", (64, 64), any_colour(0, 255))
        draw, paint = ImageDraw.Draw(picture), any_colour(0, 255)
        x, y, half = rng.uniform(26, 38), rng.uniform(26, 38), rng.uniform(12, 20)
        if label == "disc":
            draw.ellipse([x - half, y - half, x + half, y + half], fill=paint)
        elif label == "square":
            draw.rectangle([x - half, y - half, x + half, y + half], fill=paint)
        else:
            draw.rectangle([x - half, y - half / 3, x + half, y + half / 3], fill=paint)
            draw.rectangle([x - half / 3, y - half, x + half / 3, y + half], fill=paint)
        save("shape", label, number, picture, 6)

for label in ["across", "down", "slant"]:
    for number in range(PICTURES):
        first, second = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
        period, phase = rng.uniform(6, 14), rng.uniform(0, 20)
        y, x = np.mgrid[:64, :64]
        along = {"across": y, "down": x, "slant": (x + y) / 1.4}[label]
        striped = ((along + phase) % period < period / 2)[..., None]
        save("stripes", label, number, Image.fromarray((striped * first + ~striped * second).astype("uint8")), 6)
