"""What the shop begins with. Names and passwords are made up and stand here for everybody to see: it is a sample."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeedUser:
    """An account that is there from the start."""

    id: int
    """Id."""
    name: str
    """Name."""
    email: str
    """Email, for login."""
    password: str
    """Password, for login."""
    role: str
    """`customer`, `support` or `admin`."""
    bio: str
    """Text about the user."""


@dataclass(frozen=True, slots=True)
class SeedOrder:
    """A paid order that is there from the start; its payment has the same position."""

    id: int
    """Id."""
    user_id: int
    """Who ordered."""
    product_id: int
    """What, once."""
    total_cents: int
    """For how much."""
    note: str
    """Note to the shop."""


ADA = SeedUser(1, "Ada Keeper", "ada@shop.example", "ada-keeps-the-shop", "admin", "Runs the shop.")
SAM = SeedUser(2, "Sam Helper", "sam@shop.example", "sam-helps-everyone", "support", "Answers questions.")
ALICE = SeedUser(3, "Alice Miller", "alice@mail.example", "alice-likes-tea-42", "customer", "Tea before talkies.")
BOB = SeedUser(4, "Bob O'Connor", "bob@mail.example", "bob-reads-books-7", "customer", "Reads; grows tomatoes.")
ZOE = SeedUser(5, "Zoë Čapková", "zoe@mail.example", "zoe-brews-coffee", "customer", "Káva ☕ a knihy.")

USERS = (ADA, SAM, ALICE, BOB, ZOE)
"""Accounts."""

PRODUCTS = (
    ("O'Brien's Irish Breakfast", "Strong black tea, 250 g", "tea", 890),
    ("Darjeeling First Flush", "Light and flowery, 100 g", "tea", 1450),
    ("Sencha", "Green tea from Shizuoka, 100 g", "tea", 1190),
    ("Crème Earl Grey", "Black tea with bergamot & vanilla, 200 g", "tea", 990),
    ("Peppermint", "Nothing but leaves, 80 g", "tea", 490),
    ("House Espresso", "Dark roast, whole beans, 1 kg", "coffee", 2290),
    ("Ethiopia Yirgacheffe", "Light roast, 250 g", "coffee", 1290),
    ("Decaf 50/50", "Half the caffeine, all of the taste; 500 g", "coffee", 1590),
    ("Café de Olla Kit", "Coffee, cinnamon, piloncillo", "coffee", 1790),
    ("SQL for Gardeners", "SELECT the right seeds, JOIN the beds, DROP nothing", "books", 2490),
    ("The Union Jack Cookbook", "Recipes from select kitchens", "books", 1990),
    ("Script & Print", "A history of the alphabet", "books", 3290),
    ("Where the Wild Herbs Grow", "From nettle to yarrow", "books", 1690),
    ("Tomato Seeds 'Black Krim'", "Heirloom, 20 seeds", "garden", 350),
    ("Raised Bed 120x80", "Larch, untreated", "garden", 7900),
    ("Watering Can 9 l", "Zinc, with a fine rose", "garden", 3450),
    ("Pruning Shears -- Left Handed", "Forged steel", "garden", 4200),
    ("Kettle 1.7 l", "Stainless, gooseneck", "kitchen", 5900),
    ("Hand Grinder", "Steel burrs, 30 g", "kitchen", 8900),
    ("Tea Strainer; Fine", "Mesh 0.3 mm", "kitchen", 650),
    ('Mug "Good Morning"', "Stoneware, 350 ml", "kitchen", 1250),
    ("Scale 0.1 g", "For brewers, < 2 kg", "kitchen", 2990),
)
"""Products: name, description, category, price in cents. Names hold what careless code trips over."""

ORDERS = (
    SeedOrder(1, ALICE.id, 1, 890, "Please leave it with the neighbour."),
    SeedOrder(2, BOB.id, 10, 2490, "It's a gift - don't include the invoice!"),
    SeedOrder(3, ZOE.id, 6, 2290, "Díky :)"),
    SeedOrder(4, BOB.id, 14, 350, "No note, no problem."),
)
"""Orders, each paid."""
