"""The pictures: flat SVG drawings of a few shapes each.

A drawing is a tuple of marks on a field of 96 by 96. A mark is a tone, a line width if it is a line, and an SVG path:
`"c M22 28h42"` fills, `"d6 M22 28h42"` draws. Tones are c, d and l (the colour, darker, lighter), k (ink), w (paper),
b (wood and brass), s (steel) and g (the ground).
"""

from urllib.parse import quote

PAINTS = {
    "": "#8a8f98",
    "Ash": "#d9c3a0",
    "Black": "#2f2d2e",
    "Blue": "#2f5d9b",
    "Brass": "#c79a3b",
    "Cobalt": "#23449a",
    "Crème": "#f6ead0",
    "Glass": "#a9cfc9",
    "Green": "#3f7a54",
    "Grey": "#8b8e90",
    "Indigo": "#33446e",
    "Kraft": "#b58a5c",
    "Moss": "#74804a",
    "Mustard": "#d4a12a",
    "Natural": "#d8c39d",
    "Navy": "#26374f",
    "Oak": "#c09562",
    "Oatmeal": "#e0d2ba",
    "Olive": "#66673b",
    "Red": "#b8392f",
    "Rust": "#ad5a35",
    "Sand": "#cfb48c",
    "Sea": "#4c8a94",
    "Slate": "#59636d",
    "Steel": "#9aa4ab",
    "Tan": "#b0703e",
    "Terracotta": "#bf6a45",
    "White": "#fffdf8",
    "Zinc": "#a3adb0",
}

GROUNDS = {
    "Kitchen": "#cfdde2",
    "Desk": "#e8dcc8",
    "Garden": "#d3e2cb",
    "Bags": "#f0d9c6",
    "Apparel": "#dcd5e6",
    "Books & Paper": "#f0e3b9",
}


def disc(x: float, y: float, r: float) -> str:
    """Write the path of a circle."""
    return f"M{x - r:g} {y:g}a{r:g} {r:g} 0 1 1 {2 * r:g} 0a{r:g} {r:g} 0 1 1-{2 * r:g} 0z"


DRAWINGS: dict[str, tuple[str, ...]] = {
    # kitchen
    "mug": ("d6 M62 38h6a9 9 0 0 1 0 20h-6", "c M20 26h44v38a9 9 0 0 1-9 9H29a9 9 0 0 1-9-9z", "d M18 24h48v5H18z"),
    "bowl": ("c M12 40h72a36 36 0 0 1-24 31H36a36 36 0 0 1-24-31z", "d M34 70h28v6H34z", "l M10 37h76v6H10z"),
    "plate": (f"d {disc(48, 50, 37)}", f"c {disc(48, 48, 37)}", f"d2 {disc(48, 48, 25)}", f"l {disc(48, 48, 22)}"),
    "board": ("d M20 16h40v66H20z", "c M20 14h40v66H20z", "c M34 80h12v8H34z", "d2 M30 22v48M42 18v56M52 24v44"),
    "kettle": (
        "d4 M30 40C30 12 66 12 66 38",
        "c M26 44h40l10 32H22z",
        "c5 M68 68c14 0 4-30 18-32",
        f"k {disc(46, 39, 4)}",
        "b6 M38 20c6-3 14-3 20 0",
        "l M32 50h5l-5 22h-5z",
    ),
    "pan": (
        f"d {disc(38, 54, 30)}",
        f"c {disc(38, 52, 30)}",
        f"s {disc(38, 52, 22)}",
        "c8 M60 32 86 10",
        f"g {disc(85, 11, 2)}",
    ),
    "towel": ("k4 M12 18h72", "c M26 18h44v62H26z", "l M26 60h44v4H26zM26 68h44v4H26z", "d M26 18h8v62h-8z"),
    "jar": ("b M34 14h28v10H34z", "c M28 24h40v6l4 8v44H24V38l4-8z", "l M30 42h6v34h-6z", "b M24 58h48v24H24z"),
    "knife": ("c M10 54 62 28l4 10-32 16z", "k8 M66 32 84 22", "l2 M14 53 62 31"),
    "cup": (
        "c M18 30h60c0 24-10 42-24 42H42C28 72 18 54 18 30z",
        "d M38 72h20v5H38z",
        "d M18 28h60v5H18z",
        "l M26 38h5c0 14 5 22 9 26-8-4-14-14-14-26z",
    ),
    # desk
    "lamp": (
        "d M26 80h38v6H26z",
        "c4 M45 80 34 48 60 24",
        "c M52 12 78 30a20 20 0 0 1-32-2z",
        "w M60 33a9 9 0 0 0 12 1z",
        f"k {disc(34, 48, 4)}",
    ),
    "tray": (
        "d M10 40h76v24H10z",
        "c M10 36h76v24H10z",
        "d M16 41h52v14H16z",
        "w3 M20 46h40",
        "k3 M22 51h34",
        f"d {disc(77, 48, 5)}",
    ),
    "ruler": (
        "c M10 62 72 16l10 14-62 46z",
        "k2 M18 58l3 4M26 52l5 7M34 46l3 4M42 40l5 7M50 34l3 4M58 28l5 7M66 22l3 4",
    ),
    "pen": ("c M20 66 64 22l10 10-44 44z", "k M20 66 14 82 30 76z", "d M64 22l6-6 10 10-6 6z", "l2 M28 66l40-40"),
    "mat": (
        "d M10 30h76v44H10z",
        "c M10 27h76v44H10z",
        "w M22 38h36v16H22z",
        "k M64 40h10v16H64z",
        "l2 M14 31h68v36H14z",
    ),
    "clock": (
        f"k {disc(48, 48, 36)}",
        f"c {disc(48, 48, 32)}",
        "s3 M48 20v5M48 71v5M20 48h5M71 48h5",
        "s4 M48 48V28M48 48l14 8",
        f"b {disc(48, 48, 3)}",
    ),
    "scissors": (
        "s7 M30 12 54 60M66 12 42 60",
        f"c6 {disc(34, 72, 10)}",
        f"c6 {disc(62, 72, 10)}",
        f"k {disc(48, 47, 3)}",
    ),
    "stone": (
        "b M18 70h60v6H18z",
        "c M16 62c0-20 18-32 36-30s30 16 28 30c-2 12-64 12-64 0z",
        "l M30 50c6-8 14-11 22-10-10 2-16 6-22 10z",
    ),
    "shelf": (
        "k M24 12h48v32H24z",
        "s M27 15h42v26H27z",
        "k M44 44h8v10h-8z",
        "c M8 54h80v7H8z",
        "d M14 61h6v21h-6zM76 61h6v21h-6z",
    ),
    "file": (
        "c M26 22h44v60H26z",
        "d M26 22h12v60H26z",
        "w M46 34h16v10H46z",
        f"k {disc(54, 68, 4)}",
        "w M30 14h34v8H30z",
    ),
    # garden
    "pot": (
        "c M26 42h44l-6 40H32z",
        "d M22 36h52v10H22z",
        "G5 M48 36V16",
        "G M48 26c-4-14-16-14-20-12 2 8 10 14 20 12zM48 22c4-14 16-14 20-12-2 8-10 14-20 12z",
    ),
    "can": (
        "d4 M30 40C30 14 62 14 64 36",
        "c M26 38h38v40H26z",
        "c6 M64 66 84 36",
        "b M78 28l14 10-4 5-14-10z",
        "d M26 38h38v5H26z",
        "d4 M26 46c-16 0-16 24 0 24",
    ),
    "trowel": ("c M48 86C34 72 36 56 38 46h20c2 10 4 26-10 40z", "s5 M48 46V34", "b9 M48 32V12", "l2 M48 52v26"),
    "secateurs": (
        "s8 M40 46c-6-14 2-28 14-34",
        "s5 M56 46c6-10 4-20 2-26",
        "c8 M56 46c-14 8-18 24-20 38",
        "c8 M40 46c14 8 18 24 20 38",
        f"k {disc(48, 46, 5)}",
    ),
    "packet": (
        "c M24 12h48v72H24z",
        "d M24 12h48v8H24z",
        "w M30 28h36v36H30z",
        "G4 M48 62V46",
        f"R {disc(48, 40, 8)}",
        f"b {disc(48, 40, 3)}",
        "l M34 70h28v4H34z",
    ),
    "glove": (
        "c M34 80V54L22 42l6-6 10 8-6-26 7-2 7 22V12h7v26l6-22 7 2-5 26v36z",
        "d M30 72h36v14H30z",
        "l2 M46 48h14",
    ),
    "birdhouse": ("c M26 42h44v38H26z", "d M18 44 48 14l30 30-5 5-25-25-25 25z", f"k {disc(48, 50, 8)}", "b5 M48 66v8"),
    "twine": (
        "b M28 14h40v8H28zM28 74h40v8H28z",
        "c M32 22h32v52H32z",
        "d2 M32 30l32 6M32 40l32 6M32 50l32 6M32 60l32 6",
        "c3 M64 68c14 2 8 12 20 12",
    ),
    "label": (
        "c M20 18h12v50l-6 14-6-14z",
        "d M42 12h12v56l-6 14-6-14z",
        "c M64 22h12v46l-6 14-6-14z",
        "k2 M26 26v20M48 20v24M70 30v18",
    ),
    "planter": (
        "c M12 50h72l-4 30H16z",
        "d M10 46h76v7H10z",
        "G5 M26 46V26M48 46V18M70 46V28",
        "G M26 32l-10-10 12-4zM48 28 36 16l14-6zM70 34 80 22l-14-4z",
    ),
    # bags
    "tote": ("d4 M34 36V22a14 14 0 0 1 28 0v14", "c M22 34h52l4 48H18z", "l M36 50h24v3H36zM36 57h16v3H36z"),
    "backpack": (
        "d M22 34h10v42H22zM64 34h10v42H64z",
        "c M28 26h40v58H28z",
        "d M26 18h44v12H26z",
        "l M34 54h28v22H34z",
        "k3 M48 28v14",
        "d2 M34 62h28",
    ),
    "weekender": (
        "d4 M34 42V30a14 14 0 0 1 28 0v12",
        "c M16 42h64a8 8 0 0 1 8 8v28H8V50a8 8 0 0 1 8-8z",
        "d M26 42h6v36h-6zM64 42h6v36h-6z",
        "b3 M20 48h56",
    ),
    "pouch": ("c M14 30h68v42a4 4 0 0 1-4 4H18a4 4 0 0 1-4-4z", "d M14 28h68v8H14z", "b3 M18 32h56", "b5 M74 32v12"),
    "wallet": ("w M28 22h40v20H28z", "l M22 28h52v20H22z", "c M16 36h64v40H16z", "d2 M20 40h56v32H20z"),
    "sleeve": ("s M24 14h48v20H24z", "c M18 24h60v58H18z", "d M38 24h20a10 10 0 0 1-20 0z", "l M62 70h10v6H62z"),
    "net": (
        "c4 M34 40C30 8 66 8 62 40",
        "O M30 58a9 9 0 0 1 18-2 9 9 0 0 1 18 2c-2 14-34 14-36 0z",
        "c3 M22 40h52c8 26 0 42-26 42S14 66 22 40zM26 42l34 38M42 40l30 30M70 42 36 80M54 40 24 70",
    ),
    "lunchbag": (
        "c M24 30h48v52H24z",
        "d M24 30h48l-6-14H30z",
        "b M44 24h8v28h-8z",
        "k M42 46h12v8H42z",
        "d M24 30h8v52h-8z",
    ),
    "pannier": (
        "k M28 12h8v12h-8zM60 12h8v12h-8z",
        "c M24 22h48l6 60H18z",
        "d M22 22h52l3 22H19z",
        "w M30 58h36v5H30z",
        "b3 M48 30v18",
    ),
    "crossbody": (
        "d3 M22 46C26 2 70 2 74 46",
        "c M18 44h60v34a5 5 0 0 1-5 5H23a5 5 0 0 1-5-5z",
        "d M18 42h60v8c0 10-16 16-30 16S18 60 18 50z",
        f"b {disc(48, 63, 4)}",
    ),
    # apparel
    "tshirt": ("c M34 16 12 30l8 16 8-4v40h40V42l8 4 8-16-22-14c-4 10-24 10-28 0z", "d3 M34 16c4 12 24 12 28 0"),
    "sweater": (
        "c M34 18 16 30 8 74l12 3 8-29v34h40V48l8 29 12-3-8-44-18-12z",
        "d M34 12h28v8H34zM28 76h40v6H28z",
        "l2 M32 38h32M32 46h32",
    ),
    "apron": (
        "d4 M36 30V18a12 12 0 0 1 24 0v12",
        "c M34 28h28v16l14 4v36H20V48l14-4z",
        "d M34 58h28v14H34z",
        "d3 M20 50l-10 6M76 50l10 6",
    ),
    "sock": (
        "c M36 12h26v40c0 6-4 10-8 14L38 80c-12 8-24-6-12-16l10-10z",
        "d M36 12h26v10H36z",
        "l M22 66c-4 8 4 16 12 15z",
    ),
    "beanie": ("c M18 60c0-56 60-56 60 0z", "d M14 56h68v20H14z", "l2 M26 58v16M37 58v16M48 58v16M59 58v16M70 58v16"),
    "jacket": (
        "c M34 16 16 26 8 72l12 3 6-25v34h44V50l6 25 12-3-8-46-18-10-14 8z",
        "d2 M48 26v56",
        "d M30 58h12v14H30zM54 58h12v14H54zM54 36h10v9H54z",
        "l M34 16l14 10 14-10-4 16-10-6-10 6z",
    ),
    "shirt": (
        "c M36 14 14 26l6 22 8-3v39h40V45l8 3 6-22-22-12-12 8z",
        "l M36 14l12 10 12-10-2 14-10-4-10 4z",
        "d2 M48 26v56",
        f"d {disc(51, 38, 1.5)}{disc(51, 52, 1.5)}{disc(51, 66, 1.5)}",
    ),
    "scarf": (
        "d M50 30h18v48H50z",
        "c M28 30h18v52H28z",
        "c M22 16h52v16a26 12 0 0 1-52 0z",
        "l M28 60h18v4H28zM28 68h18v4H28zM50 60h18v4H50z",
        "c2 M30 82v6M37 82v6M44 82v6",
    ),
    "cap": (
        "c M18 56c0-44 54-44 56 0z",
        "d M40 52c20-4 40 0 48 12-16-4-32-6-48-4z",
        "d2 M46 24v30",
        f"d {disc(46, 23, 3)}",
    ),
    "slipper": (
        "d M8 64h80v8a4 4 0 0 1-4 4H12a4 4 0 0 1-4-4z",
        "c M8 64V50c14 0 26-10 36-22 10 4 12 12 24 18s20 8 20 18z",
        "l M22 48c8-4 16-10 22-16 4 2 6 4 8 8-8 8-18 12-26 12z",
    ),
    # books and paper
    "notebook": (
        "w M26 16h48v66H26z",
        "c M22 14h48v66H22z",
        "d M22 14h9v66h-9z",
        "R M58 80h5v9h-5z",
        "l M40 28h22v10H40z",
    ),
    "planner": (
        "w M26 16h48v66H26z",
        "c M22 14h48v66H22z",
        "w M30 32h32v38H30z",
        "d2 M30 42h32M30 51h32M30 60h32M46 32v38",
        "k3 M30 10v10M46 10v10M62 10v10",
    ),
    "envelope": ("d M10 26h76v50H10z", "c M10 24h76v50H10z", "B M10 24h76L48 54z", "d2 M10 74l28-28M86 74 58 46"),
    "postcard": (
        "d M14 24h56v42H14z",
        "c M20 30h58v44H20z",
        "w M24 34h50v36H24z",
        "G4 M48 66V44",
        "G M48 54 36 46l12-2zM48 50l12-8-2 10zM48 44l-4-8h8z",
    ),
    "tape": (
        f"c {disc(44, 44, 30)}",
        f"l {disc(44, 44, 22)}",
        f"b {disc(44, 44, 16)}",
        f"g {disc(44, 44, 12)}",
        "c M44 64h44l-4 5 4 5H44z",
    ),
    "book": (
        "d M24 14h46v70H24z",
        "w M28 74h44v8H28z",
        "c M22 12h48v62H28a6 6 0 0 0-6 6z",
        "w M34 26h26v5H34zM34 35h18v3H34z",
        f"l {disc(47, 56, 9)}",
    ),
    "roll": (
        "d M18 70 66 14l12 10-48 58z",
        "c M18 62 62 12l12 10-44 52z",
        f"w {disc(24, 68, 8)}",
        f"c2 {disc(24, 68, 4)}",
        f"l {disc(42, 48, 3)}{disc(52, 42, 3)}{disc(54, 30, 3)}{disc(64, 26, 3)}",
    ),
    "sketchbook": (
        "w M20 22h60v56H20z",
        "c M16 18h60v56H16z",
        "k3 M68 18v56",
        "w M24 28h30v20H24z",
        "d2 M26 46l8-10 6 6 6-8 6 12",
    ),
    "poster": (
        "k M20 10h56v4H20zM20 82h56v4H20z",
        "w M22 14h52v68H22z",
        "c6 M22 58c18-12 22 8 36-8 6-8 10-8 16-8",
        "d2 M30 14v36M44 14v38M60 14v30M22 26h52M22 40h40M36 60v22M52 58v24M22 72h52",
    ),
}


def draw(name: str, *, department: str, paint: str, close_up: bool = False) -> str:
    """Draw an SVG document; a close-up shows the middle of it, larger."""
    view = "22 18 48 48" if close_up else "0 0 96 96"
    tones = {
        "c": PAINTS[paint],
        "d": mixed(PAINTS[paint], "#000000", 0.28),
        "l": mixed(PAINTS[paint], "#ffffff", 0.42),
        "g": GROUNDS[department],
        "k": "#3a3633",
        "w": "#fffaf0",
        "b": "#b98a4e",
        "s": "#b4bcc1",
        "G": "#4f8049",
        "R": "#c2513f",
        "O": "#e08a2c",
        "B": "#4a6fa5",
    }
    marks = "".join(mark(tones, *drawing.split(" ", 1)) for drawing in DRAWINGS[name])
    ground = f"<path fill='{tones['g']}' d='M0 0h96v96H0z'/>"
    return f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='{view}' width='480' height='480'>{ground}{marks}</svg>"


def mark(tones: dict[str, str], pencil: str, path: str) -> str:
    """Put down one shape: filled, or drawn as a line when the pencil has a width."""
    tone, width = tones[pencil[0]], pencil[1:]
    style = f"fill='none' stroke='{tone}' stroke-width='{width}'" if width else f"fill='{tone}'"
    return f"<path {style} d='{path}'/>"


def mixed(colour: str, other: str, share: float) -> str:
    """Mix a share of another colour into a colour."""
    pairs = zip(channels(colour), channels(other), strict=True)
    return "#" + "".join(f"{round(mine + (theirs - mine) * share):02x}" for mine, theirs in pairs)


def channels(colour: str) -> tuple[int, ...]:
    """Split `#rrggbb` into red, green and blue."""
    return tuple(bytes.fromhex(colour[1:]))


def data_uri(svg: str) -> str:
    """Write the drawing as an address that needs no server."""
    return "data:image/svg+xml," + quote(svg, safe="/:=',;!*()@+-._~")
