"""What people have pictures of, in a hundred and thirty-seven phrases.

Asked of a library, they tell what scores a query reaches there as a rule
(`judge`). They are everyday words, a third of them with a colour, since what
looks like a match and is none is most often the right thing in the wrong colour,
or the right colour on the wrong thing.
"""

from __future__ import annotations

from typing import Final

PHRASES: Final[tuple[str, ...]] = tuple(
    line.strip()
    for line in """
    a dog; a cat; a black cat; a horse in a field; a bird; a white bird; birds in the sky
    a fish; a butterfly; a brown cow; a baby; a child playing; a smiling woman; an old man
    a group of people; a crowd; a portrait; a selfie; a wedding; a birthday cake
    a party at night; a concert; dancing; a football match; a bicycle; a red car; a white car
    a yellow bus; a train; an airplane; a motorcycle; a ship; a blue boat; a bridge; a road
    a street at night; a city; city lights; a tall building; a church; a castle; a red house
    a white house; a wooden door; a window; a garden; a green tree; a forest; a leaf
    a red flower; a yellow flower; a bunch of pink roses; a mushroom; a mountain; snow; ice
    a river; a lake; a waterfall; the sea; waves; a beach; a sunset; a sunrise; the moon
    stars at night; a cloudy sky; a blue sky; a rainbow; rain; fog; fire; fireworks; a desert
    sand; rocks; a field of grass; a farm; a fruit basket; a green apple; an orange
    a cup of coffee; a glass of wine; a plate of food; a pizza; bread; vegetables; a restaurant
    a kitchen; a bed; a chair; a wooden table; a lamp; a book; a newspaper; a handwritten note
    a receipt; a screenshot; a map; a chart; a page of text; a logo; a drawing; a painting
    a sculpture; a blue circle; a red square; a green triangle; a yellow star; a black cross
    a pink heart; a white arrow; a gray wall; a purple balloon; an orange balloon; a brown dog
    a clock; a phone; a computer; a keyboard; a camera; a guitar; a hat; shoes; a blue dress
    glasses; a hand; an eye; jewellery; a toy; a flag; a sign; an umbrella; a tent; stairs
    a pool; a boat on a lake
    """.replace("\n", ";").split(";")
    if line.strip()
)
