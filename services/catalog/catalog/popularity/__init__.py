"""What sells, for sorting by it.

A unit counts half after 30 days. Instead of letting every figure fade each day, a figure counts how much *more* a later
unit weighs, as a power of two: all products fade alike, so their order stays right without being touched. A product's
figure is made anew of its own days when an order moves it, at most 600 of them: what is older weighs a millionth.
"""
