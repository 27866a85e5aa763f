"""Rules for printed pages: encyclopedia entries and news. Bound words: see `grammar_stories`."""

ENCYCLOPEDIA = """
= entry
[2] <animal_entry>
[2] <person_entry>
[2] <town_entry>
[1.5] <object_entry>
[1.5] <fruit_entry>
<country_entry>

= animal_entry
The <animal#m> is an animal that lives in <country.the>. It is <colour> and eats <fruit.many>.
    <animal_fact>
The <quality> <animal#m> is found near <place>. It sleeps until <hour> and is said to be <mood>.
    <animal_fact>
<^animal#m.many> are <colour>, sometimes <colour>. They live in <country.the> and <country.the>.
    <animal_fact> <animal_fact>

= animal_fact
A group of <animal#m.many> can empty <object.a> in <digit> minutes.
Its greatest enemy is the <animal#n>.
The young are born in <month>.
In <town#t> it is a sign of luck.
It can live for <number> years.
Few <animal#m.many> care for <subject>.
The first one was described by <job.a> in <country.the>.
It is often mistaken for <animal#n.a>.

= person_entry
[2] <person#a> <surname#s> was <job#j.a> from <town#t>. <^person#a.they> is known for
    <person#a.their>
    work on <subject>. <person_fact> <person_fact>
<person#a> <surname#s> (born in <month> in <town#t>) is <job#j.a> and <job.a>. <person_fact>
<person#a> <surname#s> invented the <quality> <object#o>. <person_fact> <person_fact>

= person_fact
<^person#a.they> lived with <count> <animal.many>.
<^surname#s> studied <subject> in <country.the>.
As a child, <person#a.they> wanted to be <animal.a>.
<^person#a.their> last words were about <fruit.many>.
A street in <town#t> bears <person#a.their> name.
<^person#a.they> wrote <count> books about <hobby>, all of them <colour>.
In <month>, <surname#s> lost <person#a.their> <object> and <did>.
<^person#a.they> never ate <dish>.

= town_entry
<town#t> is a town of <number> thousand people in <country#c.the>. It is known for its
    <object.many>. <town_fact> <town_fact>
<town#t> is a village in <state#s>. It has <tree.a>, <place> and <count> <animal.many>. <town_fact>
<town#t> lies between <town#u> and <town#v>. <town_fact> <town_fact>

= town_fact
The mayor is <job.a>.
Every <month> there is <feast>.
The town was founded by <job.a> named <surname>.
The flag shows <colour.a> <animal> on <colour>.
On <weekday.many> the whole town eats <dish>.
The river is <colour> in <month>.
The nearest <instrument> is in <town>.
People there are <mood> and fond of <hobby>.
It is twinned with <town>.

= object_entry
<^object#o.a> is a thing made of <material>. It is used by <job.many> for <hobby>. <object_fact>
    <object_fact>
The <object#o> was invented in <country.the> by <job.a>. <object_fact>
The word <object#o> may mean: <quality.a> <object>; a dance from <country.the>; a kind of <animal>.
    <object_fact>

= object_fact
The largest one stands in <town>.
The first ones were made of <material>.
<^object#o.many> are usually <colour>.
It should be kept away from <animal.many>.
<^quality.a> <object#o> costs about <number> coins.
There is a museum of <object#o.many> in <country.the>.

= fruit_entry
The <fruit#f> is a fruit. It is <colour>, or <colour> when ripe, and grows in <country.the> and
    <country.the>. <fruit_fact>
<^fruit#f.many> are eaten in <month>. They go well with <staple> and <drink>. <fruit_fact>
    <fruit_fact>

= fruit_fact
In <country.the> it is given to <job.many>.
It is not <vegetable.a>, whatever your <kin> says.
<^animal.many> love it.
<^fruit#f.a> a day keeps the <job> away.
The juice is used to paint <object.many>.
It was once worth <count> <animal.many>.

= country_entry
<^country#c.the> is a country. It lies far from <country#d.the>. People there like <hobby> and
    <dish>. <country_fact>
The flag of <country#c.the>, as every child in <town> believes, shows <fruit.a>. <country_fact>

= country_fact
The best month for a visit is <month>.
The national animal is said to be the <animal>.
One of its best exports is <virtue>.
Nobody from <town> has ever been there.
Its stamps often show <object.a>.
"""

NEWS = """
= news
[3] <headline>¶¶<dateline> - <news_lead> <news_quote> <news_end>
[2] <headline>¶¶<dateline> - <news_lead> <news_detail> <news_quote> <news_detail> <news_end>
<headline>¶¶<news_lead> <news_detail>

= headline
<^animal#m> elected mayor of <town#t>
<^job#j> finds <object#o.a> in <place>
<town#t> runs out of <fruit#f.many>
<^object#o> stolen from <place>
<^count> <animal#m.many> block the road to <town#t>
<^feast> in <town#t> ends early
<^job.many> of <town#t> demand more <fruit#f.many>
New <colour> <vehicle> for <town#t>
<town#t> beats <town#u> by <number> to <digit>
Weather: <adverb> <colour>

= dateline
<town#t>, <weekday>
<town#t>, <month> <day>
<town#t>

= news_lead
<^animal#m.a> caused great confusion in <place> on <weekday>, when it <did>.
<person#a> <surname#s>, <job#j.a>, found <quality.a> <object#o> on the way to <place>.
The council has decided to paint all <object.many> <colour>.
For the first time in <number> years, <town#t> has no <fruit#f.many>.
Police are looking for <mood.a> <job> with <object#o.a>.
The opening of the new <vehicle> line was delayed by <animal#m.a>.
On <weekday> at <hour>, <weather>. Nobody was hurt.
<^count> people came to <feast>. <^count> of them <did>.

= news_detail
The <object#o> was <colour> and <quality>.
Witnesses say that it <did>.
It happened at about <hour>.
The mayor was not available, because it was <weekday>.
The damage is put at <number> coins.
The police <did>.
A reward of <count> <fruit#f.many> has been promised.
The same thing happened in <town> last <month>.

= news_quote
"I <did>," said <person#a>, <number>, "and then I <did>."
"It was <mood>," said <job.a> who did not want to be named.
"We have always had <animal.many>," said <person#b>, <number>, of <town#t>.
"This is a great day for <hobby>," said the mayor.
"It could have been worse," said <person#b>. "It could have been <weekday>."
"No comment," said the <animal#m>.

= news_end
The search goes on.
More on page <digit>.
The <object#o> is back in <place>.
A meeting will be held on <weekday> at <hour>.
Tomorrow: <feast>.
The <animal#m> was given <fruit.a> and sent home.
Nothing else happened.
"""
