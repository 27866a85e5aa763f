"""200 texts on which tokenizers may differ: scripts, emoji, blanks, code, control characters, 1 to 4,000 tokens.

Every one is written here or made from a seed, so that it is the same everywhere. None is empty.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A text and a name that says what is in it."""

    name: str
    text: str


_ENGLISH = {
    "one letter": "a",
    "one word": "Hello",
    "once": "Once upon a time",
    "return": "return the value",
    "sentence": "The river rises in the hills, and by the time it meets the town it is wide and slow.",
    "question": "Name a fruit.",
    "capitals": "WHY IS EVERYTHING IN CAPITALS TODAY?",
    "camel": "getElementsByTagNameAndClassNameOrNothing",
    "contractions": "I'll say they've said he'd've, don't you? IT'S 'em, y'all'LL see, o'clock 's 't",
    "hyphens": "state-of-the-art, mother-in-law – or so — they say… e-mail",
    "quotes": "“Curly,” ‘single’, \"straight\", 'plain', «French», „German“, 「corner」, ‹angle›",
    "rare words": "antidisestablishmentarianism floccinaucinihilipilification sesquipedalian",
    "address": "https://example.org/a/b?c=d&e=%20f#g and someone+tag@sub.example.co.uk",
    "list": "1. One\n2. Two\n  - nested\n  - again\n* star\n\nEnd.",
    "page": "Q: What is the tallest mountain?\n\nA:",
    "typos": "teh qick borwn fxo jmups oevr teh lzay dgo",
}

_SCRIPTS = {
    "German": "Der Fluß ist breit, die Brücke größer als früher; Übermut tut selten gut.",
    "French": "L'été, l'eau est basse : où sont les élèves ? Ça va, cœur naïf !",
    "Spanish": "¿Dónde está el niño? ¡Mañana vendrá la cigüeña!",
    "Polish": "Zażółć gęślą jaźń, a w Szczebrzeszynie chrząszcz brzmi w trzcinie.",
    "Czech": "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Turkish": "İstanbul'da ılık rüzgârlar: Iğdır, şehir, çiğköfte.",
    "Vietnamese": "Tiếng Việt có sáu thanh điệu, và nhiều dấu chồng lên nhau.",
    "Icelandic": "Þetta er íslenska: ævintýri, ðæð.",
    "Welsh": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
    "Yoruba": "Ẹ káàárọ̀, ṣé dáadáa ni? Ọjọ́ ń lọ.",
    "Greek": "Ο ποταμός είναι πλατύς· γιατί; Ἐν ἀρχῇ ἦν ὁ λόγος.",
    "Russian": "Река широкая, город маленький, а мост новый — ёлки!",
    "Ukrainian": "Щастя — це ґудзик; її їжак з'їв яблуко.",
    "Serbian": "Љубав, њива, џеп, ђак и ћуприја.",
    "Armenian": "Բոլոր մարդիկ ծնվում են ազատ ու հավասար։",
    "Georgian": "ყველა ადამიანი იბადება თავისუფალი.",
    "Hebrew": "בְּרֵאשִׁית בָּרָא אֱלֹהִים; שלום, מה שלומך?",
    "Arabic": "النهر واسع والمدينة صغيرة، أليس كذلك؟ مُحَمَّدٌ ١٢٣",
    "Persian": "می‌خواهم کتاب‌ها را بخوانم؛ پنج ۵ است.",
    "Urdu": "دریا چوڑا ہے اور شہر چھوٹا۔",
    "Syriac": "ܫܠܡܐ ܥܠܡܐ",
    "Thaana": "ދިވެހި ބަސް",
    "Hindi": "नदी चौड़ी है, शहर छोटा है। क्षत्रिय ज्ञान १२३",
    "Bengali": "নদীটি চওড়া, শহরটি ছোট।",
    "Gurmukhi": "ਦਰਿਆ ਚੌੜਾ ਹੈ।",
    "Gujarati": "નદી પહોળી છે.",
    "Odia": "ନଦୀ ଓସାରିଆ।",
    "Tamil": "ஆறு அகலமானது, ஊர் சிறியது.",
    "Telugu": "నది వెడల్పుగా ఉంది.",
    "Kannada": "ನದಿ ಅಗಲವಾಗಿದೆ.",
    "Malayalam": "നദി വിശാലമാണ്. ന്‍ ൻ",
    "Sinhala": "ගඟ පළලයි. ක්‍රම",
    "Thai": "แม่น้ำกว้าง เมืองเล็ก สะพานใหม่ที่ไม่มีช่องว่าง",
    "Lao": "ແມ່ນ້ຳກວ້າງ",
    "Tibetan": "བོད་ཡིག་གི་ཚིག་གྲུབ།",
    "Burmese": "မြစ်သည် ကျယ်သည်။",
    "Khmer": "ទន្លេធំទូលាយ។",
    "Korean": "강은 넓고 도시는 작다. 다리는 새것이다!",
    "Japanese": "河は広い。町は小さい。カタカナとひらがな、ﾊﾝｶｸも。",
    "simplified Chinese": "河很宽,城很小,桥是新的。人工智能正在改变世界。",
    "traditional Chinese": "龍龜鬱籲,繁體字與異體字:𠮷野家、𪚥。",
    "Bopomofo": "ㄅㄆㄇㄈ ㄓㄨˋ ㄧㄣ",
    "Amharic": "ወንዙ ሰፊ ነው፤ ከተማው ትንሽ ነው።",
    "Cherokee": "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ꭰꭱ",
    "Inuktitut": "ᐃᓄᒃᑎᑐᑦ ᖃᓂᐅᔮᖅᐸᐃᑦ",
    "Mongolian": "ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ",
    "Tifinagh": "ⵜⴰⵎⴰⵣⵉⵖⵜ",
    "N'Ko": "ߒߞߏ ߘߏ߫",
    "Yi": "ꆈꌠꁱꂷ",
    "Javanese": "ꦧꦱꦗꦮ",
    "Runic and Ogham": "ᚠᚢᚦᚨᚱᚲ ᚛ᚑᚌᚐᚋ᚜",
    "Gothic and Deseret": "𐌲𐌿𐍄𐌹𐍃𐌺 𐐔𐐯𐑅𐐨𐑉𐐯𐐻",
    "cuneiform and hieroglyphs": "𒀭𒂗𒆤 𓂀𓃭𓆣",
    "Braille": "⠃⠗⠁⠊⠇⠇⠑",
    "many in one line": "abc где αβγ 日本 हिन्दी ไทย עברית عربي 한국 ქართული",
}

_EMOJI = {
    "smile": "😀",
    "smiles": "🙂😂🤣😭😅🥲🫠🫡",
    "family": "👨‍👩‍👧‍👦 and 👩🏽‍🚀👨🏿‍⚕️",
    "flags": "🇩🇪🇫🇷🇯🇵🇺🇸🏴󠁧󠁢󠁷󠁬󠁳󠁿🏳️‍🌈",
    "skin tones": "👍👍🏻👍🏼👍🏽👍🏾👍🏿",
    "keycaps": "1️⃣2️⃣#️⃣*️⃣",
    "hearts": "❤ ❤️ 💔 ♥ ♥︎",
    "in words": "It was 🔥🔥, then 💧; the 🐄 said “moo” 🎉!",
    "signs": "→ ⇒ ∀x∈ℝ: ∃y ≥ x² ∧ √y ≠ ∞ ± ½ ⅔ ‰ ℃ № ™ © ® § ¶ † ‡ • ◦ ▲ █ ░",
    "boxes": "┌──┬──┐\n│a │b │\n└──┴──┘",
    "letters of mathematics": "𝐁𝐨𝐥𝐝 𝑖𝑡𝑎𝑙𝑖𝑐 𝒮𝒸𝓇𝒾𝓅𝓉 𝔉𝔯𝔞𝔨 𝕆𝕡𝕖𝕟 𝟘𝟙𝟚 𝚖𝚘𝚗𝚘",
    "music and cards": "𝄞𝅘𝅥𝅮 🂡🃞 🀄 ♔♕♖",
}

_BLANKS = {
    "blank": " ",
    "two blanks": "  ",
    "sixteen blanks": " " * 16,
    "hundred blanks": " " * 100,
    "tab": "\t",
    "tabs": "\t\t\t\t\t",
    "line end": "\n",
    "two line ends": "\n\n",
    "many line ends": "\n" * 40,
    "carriage return": "\r\n",
    "carriage returns": "one\r\ntwo\r\n\r\nthree\rfour\n\rfive",
    "blank before": " word",
    "blanks before": "   three blanks before",
    "blank after": "one after ",
    "blanks after": "three after   ",
    "blanks between": "one  two   three    four     five          ten",
    "line end before": "\nA line end before",
    "line end after": "A line end after\n",
    "lines with blanks": "one \n two\t\n\tthree \n \n \t \n four",
    "no-break": "ten\u00a0000\u00a0km, a\u202fthin one",
    "wide blanks": "全角\u3000空白\u3000と\u2003em\u2002en\u2009thin\u200ahair\u205fmath",
    "zero width": "zero\u200bwidth\u200cnon\u200djoiner\u2060word\ufeffjoiner",
    "separators": "line\u2028separator\u2029paragraph\u0085next\x0bvertical\x0cform",
    "Ogham blank": "a\u1680b",
    "blanks and signs": " . , ; : ! ?  ...   ---",
}

_CODE = {
    "Python": "def depth(river):\n    if not river:\n        return 0\n    return max(r['d'] for r in river)  # m\n",
    "tabs": "func main() {\n\tfor i := 0; i < 10; i++ {\n\t\tfmt.Println(i)\n\t}\n}\n",
    "C": '#include <stdio.h>\nint main(void){char*s="a\\n\\0";while(*s)putchar(*s++);return 0;}',
    "C++": "template<class T> auto f(T&& t) -> decltype(t<<1) { return t->x ?: *t::y; }",
    "Rust": 'fn main() { let v: Vec<u8> = (0..=9).map(|x| x * 2).collect(); println!("{v:?}"); }',
    "JavaScript": "const f=(a,b=1)=>({...a,[`k${b}`]:a?.b??0});f`x${1}`;//!==",
    "JSON": '{"a": [1, 2.5e-3, null, true], "b": {"c": "\\u00e9\\n"}}',
    "HTML": '<!DOCTYPE html><p class="x">A &amp; B<br/>&nbsp;</p><!-- note -->',
    "LaTeX": "\\begin{align} \\int_0^1 x^2\\,dx &= \\tfrac{1}{3} \\\\ e^{i\\pi} &= -1 \\end{align}",
    "shell": "for f in *.txt; do sed -E 's/^(a|b)+$/\\1/' \"$f\" | awk '{print $2}' >> out 2>&1; done",
    "SQL": "SELECT a.id, COUNT(*) FROM t AS a LEFT JOIN u ON a.id=u.id WHERE x LIKE '%y_' GROUP BY 1;",
    "regex": r"^(?:[\w.+-]+)@((?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+\p{L}{2,}$",
    "diff": "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n-old line\n+new line\n context\n",
    "Markdown": "# Title\n\n**bold** _it_ `code`\n\n```py\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    "base64": "SGVsbG8sIHdvcmxkISBUaGlzIGlzIGJhc2U2NC4+/w==",
    "hexadecimal": "0xDEADBEEF 0b1010 0o777 #ff00cc 9f86d081884c7d659a2feaa0c55ad015",
    "snake": "__init__ _private some_long_snake_case_name CONSTANT_NAME kebab-case-name",
    "paths": "C:\\Users\\me\\file.txt /usr/local/lib/../share ./a ~/b",
    "log": '2026-01-31T12:00:00.123Z [WARN] pid=4242 msg="took 13.37ms" 127.0.0.1:8080',
    "brackets": "((((([[[[[{{{{{<<<<<>>>>>}}}}}]]]]])))))",
}

_CONTROLS = {
    "null": "a\x00b",
    "nulls": "\x00\x00\x00",
    "bell": "ring\x07bell\x08back",
    "escape": "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "all of C0": "".join(map(chr, range(32))),
    "delete": "x\x7fy",
    "all of C1": "".join(map(chr, range(0x80, 0xA0))),
    "byte order mark": "\ufeffafter the mark",
    "bidirectional": "abc\u202edcba\u202c \u2066x\u2069 \u200f\u200e",
    "soft hyphen": "co\u00adop\u00aderate",
    "noncharacters": "\ufffe\uffff\U0001ffff\ufdd0",
    "private use": "\ue000\uf8ff\U000f0000\U0010fffd",
    "replacement": "bad \ufffd byte \ufffd\ufffd",
    "tags": "\U000e0041\U000e0042\U000e007f",
    "unassigned": "\u0378\u0ca4\U0003fffd",
    "interlinear": "\ufff9a\ufffab\ufffb",
    "variation selectors": "葛\U000e0100 ︀︁ m︎",
    "invisible signs": "f\u2061(x\u2062y\u2063z\u2064w)",
}

_FORMS = {
    "one decomposed letter": (
        "the cat and the dog went out for a walk and came back for the bone that they had left in the cafe\u0301"
    ),
    "decomposed": unicodedata.normalize("NFD", "Café Ångström naïve Zażółć Tiếng Việt"),
    "composed and not": "é e\u0301 ñ n\u0303 ü u\u0308 Å \u212b A\u030a",
    "jamo": unicodedata.normalize("NFD", "강은 넓고"),
    "compatibility": "ﬁ ﬂ ﬃ ™ ① Ⅷ ㎏ ㍿ ½ x² ℌ ｆｕｌｌ ﾊﾟ ⁰¹²",
    "full width": "\uff28\uff45\uff4c\uff4c\uff4f\u3000\uff11\uff12\uff13\uff01",
    "stacked marks": "z̷̢̛͓̳͙̈́a̸̡̯̽̃l̴̰͗̒g̶̣̔ő̵͎",
    "marks alone": "\u0301\u0308\u20dd",
    "case": "ǅ ẞ ß ﬀ İ i̇ ı Σ σς K",
    "order of marks": "a\u0323\u0307 a\u0307\u0323",
}

_NUMBERS = {
    "digit": "7",
    "digits": "1314151",
    "long digits": "3141592653589793238462643383279502884197169399375105820974944592307816406286",
    "prices": "$1,234.56 €99,- £0.50 ¥10000 1'000.00 50% 3.5‰",
    "dates": "2026-01-31, 31/01/26, Jan 31st, 12:59:59.999 +02:00",
    "formula": "2+2=4; 7*8=56; 10/4=2.5; 2^10=1024; -3<x<=5; 1e-9; 6.02×10²³",
    "table": "1 12 123 1234 12345 123456 1234567 12345678",
    "other digits": "٠١٢٣٤ ०१२३४ ๐๑๒๓๔ 〇一二三四 𝟎𝟏𝟐",
}

_WRITTEN = {
    "chat markup": "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
    "end of text": "one<|endoftext|>two",
    "sentence tokens": "<s>Hello</s> [INST] Hi [/INST] <unk><pad>",
    "turns": "<bos><start_of_turn>user\nHi<end_of_turn>\n<eos>",
    "byte tokens": "<0x0A><0x41> <0xFF>",
    "word marks": "▁Hello▁world ▁▁ Ġthe Ċ ĉ",
    "unused": "<unused0><unused99> <mask> [multimodal] <repo_name>x",
    "almost": "<|im_start|user|> < |im_end| > <<|im_end|>> <|IM_END|>",
    "tags of text": "<b>bold</b> <table><tr><td>1</td></tr></table> <h1>x</h1>",
    "many marks": "<|user|>\nHi<|end|>\n<|assistant|>\n<|system|>",
}

_GROUPS = {
    "English": _ENGLISH,
    "script": _SCRIPTS,
    "emoji": _EMOJI,
    "blanks": _BLANKS,
    "code": _CODE,
    "control characters": _CONTROLS,
    "forms": _FORMS,
    "numbers": _NUMBERS,
    "written markup": _WRITTEN,
}

_LENGTHS = (20, 60, 150, 400, 1000, 2500)
"""Words of the longer texts; the longest of them have about 4,000 tokens."""

_RANGES = (
    (0x20, 0x7E),
    (0xA0, 0x17F),
    (0x370, 0x5FF),
    (0x600, 0x6FF),
    (0x900, 0xDFF),
    (0x2000, 0x2BFF),
    (0x3040, 0x30FF),
    (0x4E00, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0x1F300, 0x1FAFF),
)


def _pick(rng: random.Random, low: int, high: int) -> int:
    """A whole number in [low, high], the same in every version of Python."""
    return low + int(rng.random() * (high - low + 1))


def _words(rng: random.Random, source: list[str], count: int) -> str:
    return " ".join(source[_pick(rng, 0, len(source) - 1)] for _ in range(count))


def _made() -> dict[str, str]:
    """Texts from a seed: long ones, and ones that no person would write."""
    english = [word for text in _ENGLISH.values() for word in text.split()]
    scripts = [word for text in _SCRIPTS.values() for word in text.split()]
    code = "".join(_CODE.values())
    found = {}
    for count in _LENGTHS:
        found[f"{count} English words"] = _words(random.Random(count), english, count)
    for count in _LENGTHS[:4]:
        found[f"{count} words of all scripts"] = _words(random.Random(-count), scripts, count)
    found["much code"] = (code * 3)[:6000]
    found["a letter many times"] = "a" * 4000
    found["a word many times"] = " word" * 3000
    found["signs many times"] = "=" * 300 + "-" * 301 + "." * 302
    every = [text for group in _GROUPS.values() for text in group.values()]
    found["everything"] = "\n".join(every)[:4500]
    for seed in range(5):
        rng = random.Random(seed)
        found[f"characters of Latin-1, seed {seed}"] = "".join(
            chr(_pick(rng, 1, 255)) for _ in range(40 + 60 * seed)
        )
    for seed in range(6):
        rng = random.Random(100 + seed)
        found[f"characters of Unicode, seed {seed}"] = "".join(
            chr(_pick(rng, *_RANGES[_pick(rng, 0, len(_RANGES) - 1)])) for _ in range(60)
        )
    return found


SAMPLES: tuple[Sample, ...] = tuple(
    Sample(f"{group}: {name}", text)
    for group, texts in {**_GROUPS, "made": _made()}.items()
    for name, text in texts.items()
)
