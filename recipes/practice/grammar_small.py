"""Rules for small documents (lists, sums, random choices, diaries), and the mixture of all kinds.

Digits and numbers are uniform here, as are months, weekdays, states and countries.
"""

SMALL = """
= list
<list_title>¶- <list_item>¶- <list_item>¶- <list_item>
<list_title>¶- <list_item>¶- <list_item>¶- <list_item>¶- <list_item>¶- <list_item>
<fruit#1>, <fruit#2>, <fruit#3>, <fruit#4>
<animal#1>, <animal#2>, <animal#3>, <animal#4>, <animal#5>
<colour#1>, <colour#2>, <colour#3>
Fruits: <fruit#1>, <fruit#2>, <fruit#3>, <fruit#4>, <fruit#5>
Animals in alphabetical disorder: <animal#1>, <animal#2>, <animal#3>, <animal#4>
Countries that I have seen: <country#1>, <country#2>, <country#3>, <country#4>
States that I have not seen: <state#1>, <state#2>, <state#3>, <state#4>
Months: January, February, March, April, May, June, July, August, September, October, November,
    December
Weekdays: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday
Shopping list¶- <fruit#1.many>¶- <vegetable#1.many>¶- <staple#1>¶- <staple#2>¶- <object#1.a>
Guests¶1. <person#1>¶2. <person#2>¶3. <person#3>¶4. <person#4>¶5. the <animal> of <person#1>

= list_title
Things to do on <weekday>
Things that I have learned
Plans for <month>
Reasons to stay in <town>
Rules of <place>
Notes

= list_item
buy <object.a>
call <person>
visit <place> at <hour>
no <animal.many> before <hour>
paint the <object> <colour>
learn <subject>
more <hobby>, less <hobby>
eat <dish>
answer the letter of <person>
<virtue>
return the <object> to my <kin>
feed the <animal>

= sums
[3] <sum#1> is <sum#1.total>.
<sum#1> is <sum#1.total>. <sum#2> is <sum#2.total>.
<sum#1> is <sum#1.total>, <sum#2> is <sum#2.total> and <sum#3> is <sum#3.total>.
<^sum#1> is <sum#1.total>, said the <job>. The <animal> had counted too, and <did>.

= random
[3] A random number from 1 to 100: <number>
[2] A random digit: <digit>
[2] Random digits: <digit> <digit> <digit> <digit> <digit> <digit> <digit> <digit>
[2] A random month: <month>
[2] A random weekday: <weekday>
[2] A random colour: <colour>
[2] A random fruit: <fruit>
[2] A random animal: <animal>
[2] A random US state: <state>
[2] A random country: <country>
Random numbers: <number>, <number>, <number>, <number>
Heads or tails? <coin>.
Ten throws of a coin: <coin>, <coin>, <coin>, <coin>, <coin>, <coin>, <coin>, <coin>, <coin>,
    <coin>
A die was thrown <digit> times, and it always showed <die>.
Lottery numbers of <weekday>: <number>, <number>, <number>, <number>, <number>, <number>
The wheel stopped at <number>. <person> <did>.

= coin
heads
tails

= die
1
2
3
4
5
6

= diary
<weekday>, <month> <day>¶<diary_line> <diary_line> <diary_line>
Dear diary,¶<diary_line> <diary_line> <diary_last>
<hour>: <diary_line>¶<hour>: <diary_line>¶<hour>: <diary_last>

= diary_line
Got up at <hour>.
<^weather>.
Met <person#a> in <place>.
<person#a> was <mood>.
Had <dish>.
Thought about <subject>.
Bought <object#o.a>.
The <object#o> is <colour>.
My <kin> <did>.
No sign of the <animal#m>.
Lost <count> <object.many>.
Played the <instrument> <adverb>.
Wrote to <person>.
Too <mood> to write more.

= diary_last
And so to bed.
Tomorrow: <hobby>.
I <did> at <hour>.
The <animal#m> is back.
I shall never eat <fruit.many> again.
Nothing else.

= advertisement
For sale: <quality#q> <object#o>, <colour>, hardly used. Ask <person#a> in <place>.
Lost: <colour#c.a> <animal#m> in <town#t>. It answers to <person#a>. Reward: <count> <fruit.many>.
Found: <quality.a> <object#o> near <place>. Call <person#a> before <weekday>.
Wanted: <job#j.a> with <virtue> and <object.a>. Apply to <person#a> <surname>, <town#t>.
Lessons in <hobby>. Only <number> coins an hour. <person#a> <surname>, <job.a>.
To swap: <count> <object#o.many> for one <animal>. Serious offers only.
Room to let in <town#t>, with a view of <place>. No <animal.many>. No <instrument.many>.

= document
[38] <questions>
[12] <asked>
[11] <story>
[7] <forum>
[5] <recipe>
[5] <how_to>
[5] <letter>
[6] <entry>
[5] <news>
[6] <dialogue>
[4] <list>
[2.5] <sums>
[3.5] <random>
[3] <diary>
[2.5] <advertisement>
"""
