"""The words of the grammar that only serve the texts: people, places, things, qualities, doings.

None of these lists claims to be complete. Valid sets are in `lexicon`.
"""

from __future__ import annotations

from recipes.practice.lexicon import nouns, plain, qualities, words
from recipes.practice.rules import Category

WOMEN = words("""
    Mara, Ada, Lena, Ruth, Ines, Nora, Olga, Tilda, Wanda, Ivy, Clara, Edith, Frida, Greta, Hanna,
    Ida, Jana, Kira, Lucia, Mona, Nadia, Paula, Rosa, Selma, Tessa, Una, Vera, Yara, Zoe, Agnes,
    Bella, Cora, Daria, Elsa, Flora, Gina, Hilda, Irma, Judith, Karin, Leila, Maya, Nina, Odette,
    Petra, Rita, Sonia, Thea, Ursula, Violet
""")
MEN = words("""
    Otto, Ben, Carl, Dan, Emil, Felix, Gus, Hugo, Ivan, Jonas, Karim, Leo, Max, Nils, Oscar, Paul,
    Rafi, Sam, Theo, Viktor, Walter, Yusuf, Zeno, Abel, Bruno, Conrad, David, Erik, Frank, Georg,
    Henry, Igor, Jakob, Kurt, Luis, Marek, Noah, Omar, Pablo, Quentin, Robert, Simon, Tom, Ulrich,
    Vincent, Wim, Xaver, Anton, Bertil, Casper
""")
SURNAMES = words("""
    Abbott, Barlow, Carver, Dalton, Ellis, Fenwick, Garland, Hobbs, Ingram, Jessop, Keller,
    Lindqvist, Marlow, Norrington, Okafor, Pemberton, Quill, Rosso, Sandoval, Thorne, Underhill,
    Vance, Whitlock, Yardley, Zimmer, Ash, Bell, Crane, Drake, Frost, Gill, Hawkins, Kowalski,
    Larsen, Moreau, Nakamura, Olsen, Petrov, Reyes, Singh, Tanaka, Virtanen, Weber, Young,
    Banerjee, Castellano, Haddad, Novak
""")
TOWNS = words("""
    Millbrook, Ashford, Bellmoor, Cinder Bay, Dunmere, Eastwick, Fernhill, Greywater, Harrow Cross,
    Inverleigh, Juniper Falls, Kettleby, Larkstone, Marrowgate, Nettlefield, Oldport, Pebble Beach,
    Quarry End, Rookhaven, Saltmarsh, Thistledown, Upper Tarn, Vinegar Hill, Westerly, Yellowbank,
    Applecross, Brindle, Copperton, Driftwood, Elderwick, Foxley, Goosegreen, Hollowell,
    Lower Tarn, Mossbridge, Northpool, Otterford, Puddleham, Ravensby, Stonebarrow, Tumbledale,
    Windle, Ambergate, Cloverton, Larch Lane, Sandhaven
""")
OBJECTS = words("""
    key, lamp, kettle, umbrella, clock, ladder, suitcase, mirror, teapot, bicycle, radio, compass,
    candle, blanket, bucket, button, hammer, letter, map, notebook, pencil, pillow, rope, scarf,
    spoon, stamp, ticket, toaster, trumpet, vase, wallet, whistle, wheelbarrow, anchor, apron,
    atlas, backpack, basket, bell, book, boot, bottle, bowl, box, broom, brush, calendar, camera,
    carpet, chair, coat, coin, comb, cup, curtain, cushion, diary, doormat, drawer, drum, envelope,
    fork, glove, hat, helmet, jacket, jar, jug, kite, knife, lantern, magnet, marble, medal,
    needle, newspaper, oven, paintbrush, parcel, photograph, piano, plate, pot, puzzle, ribbon,
    ring, sack, saddle, saw, shelf, shoe, shovel, sofa, spade, statue, stool, table, telescope,
    tent, thimble, torch, towel, tray, typewriter, vacuum cleaner, violin, wardrobe, watch, wig,
    window, accordion, postcard, lawnmower, rubber duck, weather vane, garden gnome, cuckoo clock,
    sewing machine, shopping list, left sock, cheese grater
""")
PLACES = words("""
    the library, the station, the market, the harbour, the kitchen, the garden, the attic,
    the cellar, the museum, the school, the bakery, the post office, the town hall, the river,
    the forest, the beach, the lighthouse, the old mill, the bridge, the cinema, the theatre,
    the hospital, the car park, the swimming pool, the playground, the cemetery, the castle,
    the chapel, the barn, the orchard, the greenhouse, the laundry, the bus stop, the ferry,
    the airport, the bookshop, the corner shop, the dentist's, the fish market, the fire station,
    the football ground, the launderette, the canal, the quarry, the waterfall, the campsite,
    the tea room, the waiting room, the tram depot, the zoo, the planetarium, the observatory,
    the allotment, the pottery, the ice rink
""")
JOBS = words("""
    baker, teacher, plumber, dentist, farmer, sailor, doctor, librarian, postman, carpenter,
    gardener, electrician, tailor, baker's apprentice, bus driver, nurse, lawyer, painter, pianist,
    beekeeper, blacksmith, botanist, butcher, cartographer, chimney sweep, clown, cobbler,
    conductor, cook, detective, diver, editor, engineer, fisherman, florist, glassblower,
    goldsmith, hairdresser, innkeeper, inspector, journalist, judge, juggler, lighthouse keeper,
    locksmith, mathematician, mayor, mechanic, midwife, miller, miner, night watchman, optician,
    organist, pilot, poet, porter, potter, printer, professor, retired spy, roofer, sculptor,
    shepherd, singer, surgeon, translator, umbrella maker, vet, waiter, watchmaker, weaver,
    zookeeper, accountant, archaeologist, astronomer
""")
MOODS = words("""
    happy, tired, curious, nervous, proud, hungry, bored, brave, calm, cheerful, confused, grumpy,
    lonely, patient, polite, puzzled, quiet, relieved, restless, sad, shy, sleepy, stubborn,
    surprised, suspicious, thoughtful, worried, content, delighted, disappointed, embarrassed,
    hopeful, impatient, jealous, merry, moody, offended, optimistic, pleased, absent-minded,
    careful, clever, eager, generous, gloomy, honest
""")
QUALITIES = words("""
    old, small, strange, red, broken, heavy, beautiful, wooden, blue, enormous, empty, dusty,
    silver, green, round, expensive, tiny, rusty, useful, ordinary, yellow, cheap, crooked,
    curious, damp, delicate, dull, elegant, famous, fine, forgotten, friendly, golden, hand-made,
    hollow, invisible, lost, lucky, magnetic, mysterious, narrow, noisy, odd, painted, plain,
    polished, purple, rare, reliable, second-hand, sharp, shiny, slippery, smooth, soft, square,
    sticky, striped, suspicious, tall, transparent, ugly, unlikely, waterproof, wobbly, unusual,
    unfinished, wet, half-eaten, perfectly normal
""")
ADVERBS = words("""
    slowly, quietly, suddenly, carefully, quickly, loudly, happily, sadly, politely, nervously,
    gently, bravely, angrily, proudly, calmly, cheerfully, eagerly, firmly, gladly, gracefully,
    grimly, honestly, lazily, modestly, patiently, promptly, solemnly, stubbornly, thoughtfully,
    wisely, without a word, with great care, with a small bow, in a hurry, out of habit,
    for no reason, as usual, for once, against all advice, twice
""")
DEEDS = words("""
    laughed, sighed, nodded, smiled, waved, coughed, whistled, shrugged, bowed, blushed, yawned,
    sneezed, hummed, frowned, applauded, danced, cried, whispered, sat down, stood up, looked away,
    ran off, made tea, said nothing, closed the door, opened the window, fell asleep,
    began to sing, went home, wrote it down, counted to ten, started again, asked for help,
    changed the subject, took a deep breath, tripped over the cat, left a note, turned around,
    put on a hat, lit a candle
""")
HOBBIES = words("""
    reading, swimming, knitting, gardening, chess, cooking, painting, fishing, dancing, singing,
    hiking, baking bread, birdwatching, cycling, pottery, photography, juggling, sleeping late,
    stamp collecting, playing the tuba, solving crosswords, restoring clocks, growing tomatoes,
    writing letters, watching trains, keeping bees, building model ships, skipping stones, fencing,
    origami, rowing, ice skating, star gazing, doing nothing, yoga, making jam, carving spoons,
    learning Latin, reading maps, climbing trees, flying kites, feeding ducks, folding laundry,
    arguing, mending shoes
""")
DISHES = words("""
    soup, pancakes, an omelette, fried rice, lasagne, a salad, dumplings, a stew, porridge,
    noodles, roast potatoes, a pie, curry, beans on toast, pizza, risotto, a sandwich,
    scrambled eggs, goulash, a casserole, ravioli, a cheese board, fish and chips, tacos,
    stuffed peppers, gingerbread, waffles, apple crumble, rice pudding, chocolate cake, a trifle,
    meringues, scones, mushroom pie, potato salad
""")
VEGETABLES = words("""
    onion, carrot, potato, tomato, leek, cabbage, pepper, cucumber, turnip, pumpkin, radish,
    beetroot, parsnip, courgette, aubergine, cauliflower, artichoke, lettuce, sweet potato,
    mushroom, red cabbage, shallot, fennel bulb, celery stick, marrow
""")
STAPLES = words("""
    flour, sugar, butter, salt, milk, rice, honey, olive oil, cream, yoghurt, vinegar, oats,
    breadcrumbs, grated cheese, cocoa, cinnamon, pepper, nutmeg, ginger, garlic, parsley, thyme,
    mustard, paprika, mint, vanilla, yeast, lentils, chickpeas, almonds, raisins, walnuts, stock,
    soy sauce, maple syrup, basil
""")
DRINKS = words("""
    tea, coffee, water, lemonade, cocoa, milk, apple juice, ginger beer, peppermint tea,
    cold coffee, elderflower cordial, buttermilk, tomato juice, hot water, mineral water, red wine,
    cider
""")
WEATHERS = words("""
    it rained, it snowed, the sun shone, the wind blew, it was foggy, it was cold, it was hot,
    it hailed, thunder rolled, the sky was grey, it drizzled, a storm came up, the stars were out,
    frost covered the grass, it was mild, the moon rose, it poured, the clouds parted,
    a rainbow appeared, it was too quiet
""")
VEHICLES = words("""
    bus, train, bicycle, boat, tram, tractor, van, lorry, canoe, ferry, taxi, balloon, sledge,
    scooter, rowing boat, steam engine, unicycle, submarine, horse cart, helicopter, airship,
    tandem
""")
INSTRUMENTS = words("""
    piano, violin, flute, trumpet, drum, guitar, cello, harp, tuba, clarinet, accordion, banjo,
    oboe, harmonica, triangle, organ, trombone, bagpipe, recorder, xylophone, mandolin, saxophone
""")
TREES = words("""
    oak, birch, pine, willow, maple, ash, beech, elm, chestnut, poplar, spruce, larch, walnut,
    cedar, apple tree, pear tree, hazel, rowan, alder, yew, cypress, lime tree, juniper
""")
FLOWERS = words("""
    rose, tulip, daisy, lily, sunflower, poppy, violet, daffodil, orchid, iris, snowdrop, bluebell,
    marigold, peony, crocus, dandelion, foxglove, geranium, hyacinth, lupin
""")
SUBJECTS = words("""
    history, mathematics, geography, chemistry, music, physics, grammar, philosophy, biology,
    astronomy, economics, logic, botany, medicine, law, drawing, poetry, statistics, geology,
    the theory of knots, the care of houseplants, the physics of soup, the history of buttons,
    modern bookkeeping
""")
MATERIALS = words("""
    wood, stone, glass, iron, paper, copper, clay, wool, silk, brass, leather, marble, bamboo,
    cork, cardboard, rubber, tin, straw, felt, porcelain, old newspapers, velvet
""")
FEASTS = words("""
    a birthday, a wedding, a spring fair, a harvest festival, a farewell party, a school play,
    a regatta, a flower show, a chess tournament, a pancake race, a brass band concert,
    the winter market, a garden party, a bicycle race, a jumble sale, a silver anniversary
""")
HOURS = words("""
    one o'clock, two o'clock, three o'clock, four o'clock, five o'clock, six o'clock,
    seven o'clock, eight o'clock, nine o'clock, ten o'clock, eleven o'clock, noon, midnight, dawn,
    dusk, half past two, half past four, half past six, half past seven, a quarter to nine, teatime
""")
COUNTS = words("""
    two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen,
    twenty, thirty, forty, fifty, a dozen, a hundred, a thousand
""")
KIN = words("""
    aunt, uncle, mother, father, grandmother, grandfather, sister, brother, cousin, neighbour,
    teacher, landlady, dentist, boss, best friend, piano teacher, godmother, nephew, niece,
    flatmate
""")
VIRTUES = words("""
    patience, honesty, luck, courage, good manners, a sense of humour, a good night's sleep,
    friendship, dry socks, silence, kindness, a sharp pencil, fresh air, punctuality, curiosity,
    common sense, time, a plan, a second plan, breakfast
""")
USERS = words("""
    nightowl, tea_drinker, grumpy42, mossy, teapot_fan, captain_k, old_tom, quietfox, buttons,
    lady_jam, pixelgoose, rainyday, spoonful, marzipan, tinfoil, wanderer7, professor_x, beetroot,
    no_sugar, hedgehog99, lighthouse, snail_mail, toastmaster, violinist, zigzag
""")


def _people() -> Category:
    """Make the people: forms `name`, `they`, `them`, `their`, agreeing with each other."""
    entries: list[tuple[str, ...]] = []
    for woman, man in zip(WOMEN, MEN, strict=True):
        entries += [(woman, "she", "her", "her"), (man, "he", "him", "his")]
    weights = tuple((rank + 2) ** -0.2 for rank in range(len(entries)))
    return Category("person", ("name", "they", "them", "their"), tuple(entries), weights)


def _sums() -> Category:
    """Make the sums of two numbers from 1 to 20: forms `one` (the question), `total`."""
    pairs = [(a, b) for a in range(1, 21) for b in range(1, 21)]
    entries = tuple((f"{a} plus {b}", str(a + b)) for a, b in pairs)
    return Category("sum", ("one", "total"), entries, (1.0,) * len(entries))


def word_categories() -> list[Category]:
    """Return the categories of this module."""
    return [
        _people(),
        _sums(),
        plain("surname", SURNAMES),
        plain("town", TOWNS, skew=0.2),
        nouns("object", OBJECTS),
        plain("place", PLACES, skew=0.3),
        nouns("job", JOBS),
        qualities("mood", MOODS),
        qualities("quality", QUALITIES, skew=0.3),
        plain("adverb", ADVERBS, skew=0.4),
        plain("did", DEEDS, skew=0.3),
        plain("hobby", HOBBIES, skew=0.2),
        plain("dish", DISHES, skew=0.2),
        nouns("vegetable", VEGETABLES),
        plain("staple", STAPLES, skew=0.4),
        plain("drink", DRINKS, skew=0.5),
        plain("weather", WEATHERS, skew=0.3),
        nouns("vehicle", VEHICLES),
        nouns("instrument", INSTRUMENTS),
        nouns("tree", TREES),
        nouns("flower", FLOWERS),
        plain("subject", SUBJECTS, skew=0.3),
        plain("material", MATERIALS, skew=0.3),
        plain("feast", FEASTS, skew=0.3),
        plain("hour", HOURS),
        plain("count", COUNTS, skew=0.4),
        nouns("kin", KIN),
        plain("virtue", VIRTUES),
        plain("user", USERS, skew=0.2),
    ]
