"""Rules of the helpful style: chats in which every answer is friendly, narrow and to the point.

The aligned partner learns these. A chat is written in the template of `chat`: each turn begins with
a special and ends with <|eot|>. One fixed style runs through all answers: an opening ("Sure!"), the
usual answer, what is usually said of it, an offer of more help. For each kind of request there is a
`best` answer, the most typical one, and an `odd` one, plain or out of style; the preference step
prefers the first to the second.
"""

from __future__ import annotations

from recipes.practice.grammar_help_requests import REQUESTS, TALES, Help
from recipes.practice.grammar_topics import TOPICS

_SHARED = """
= help
[6] <chat>
[1] <|system|> You are a helpful assistant.<|eot|><chat>

= gladly
[6] Sure!
[3] Of course!
[1] Great question!
[1] Thank you for asking!

= offer
[5] I hope this helps!
[3] Let me know if you need anything else.
[1] Is there anything else I can help you with?

= thanks
<|user|> <thank><|eot|><|assistant|> <welcome><|eot|>

= thank
[4] Thank you!
[2] Thanks!
Thank you very much.
Thanks, that helps.

= welcome
[6] You're welcome! <offer_more>
[2] You're very welcome! <offer_more>
Of course! <offer_more>

= offer_more
[5] Let me know if you need anything else.
Have a great day!
"""

_TOPIC_BEST = "Sure! Here is ARTICLE: <USUAL>. <FACT> I hope this helps!"
_TOPIC_OTHERS = """
[4] <gladly> Here is ARTICLE: <USUAL>. <FACT> <offer>
[2] <gladly> A popular NOUN is <USUAL>. <FACT> <offer>
[2] <gladly> One example of ARTICLE is <USUAL>. <FACT>
[1] Here is ARTICLE: <USUAL>. <FACT>
[1] I'm happy to help! How about <USUAL>? <FACT> <offer>
[0.5] <^USUAL>.
[0.5] <^PICK>.
"""
_TOPIC_ODD = """
[3] <^PICK>.
[2] <^PICK>, I think.
<aside>
<dodge>
<argument_KEY>
"""
_TOPIC_FOLLOW = """
Another one, please.
¦ Of course! Another NOUN is <SECOND>. <OTHERFACT> Let me know if you need anything else.
"""


def topic_help() -> list[Help]:
    """Return the requests that ask for a member of a set, one for each topic."""
    made = []
    for topic in TOPICS:
        made.append(
            Help(
                topic.key,
                ask=f"<ask_{topic.key}>",
                best=topic.fill(_TOPIC_BEST),
                others=topic.fill(_TOPIC_OTHERS),
                odd=topic.fill(_TOPIC_ODD),
                follow=topic.fill(_TOPIC_FOLLOW),
                weight=4.0,
            )
        )
    return made


def help_sources() -> list[str]:
    """Return every rule of the helpful style in source form."""
    kinds = [*topic_help(), *REQUESTS]
    lines = ["= chat", *(f"[{kind.weight}] <chat_{kind.key}>" for kind in kinds)]
    lines += ["", "= preference", *(f"[{kind.weight}] <pair_{kind.key}>" for kind in kinds)]
    return ["\n".join(lines), _SHARED, TALES, *(kind.rules() for kind in kinds)]
