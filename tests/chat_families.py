"""Chat templates with the structure of real families, in short and in our own words.

Each says what it is like; control tokens keep the families' spellings, so that what surrounds a turn is as there.
"""

CHATML = """\
{%- for m in messages %}
{{- '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""

CHATML_DEFAULT_SYSTEM = (
    """\
{%- if messages[0]['role'] != 'system' %}
{{- '<|im_start|>system\\nYou answer questions.<|im_end|>\\n' }}
{%- endif %}"""
    + CHATML
)
"""Like SmolLM2 and Qwen2: a system text of its own where none is given."""

LLAMA3 = """\
{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now('%d %b %Y') %}
    {%- else %}
        {%- set date_string = '26 Jul 2024' %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = '' %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}
{{- 'Today Date: ' + date_string + '\\n\\n' + system_message + '<|eot_id|>' }}
{%- for m in messages %}
    {{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + m['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}"""
"""Like Llama 3.2: the day, trimmed contents, the start token."""

LLAMA3_OLD_DATE = LLAMA3.replace("strftime_now is defined", "false")
"""Like Llama 3.1: a day that only a variable changes."""

GEMMA = """\
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {{- raise_exception('System role not supported') }}
{%- endif %}
{%- for m in messages %}
    {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif %}
    {%- set role = 'model' if m['role'] == 'assistant' else m['role'] %}
    {{- '<start_of_turn>' + role + '\\n' + m['content'] | trim + '<end_of_turn>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"""
"""Like Gemma 1 and 2: no system role."""

GEMMA3 = """\
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- if messages[0]['content'] is string %}
        {%- set first = messages[0]['content'] + '\\n\\n' %}
    {%- else %}
        {%- set first = messages[0]['content'][0]['text'] + '\\n\\n' %}
    {%- endif %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set first = '' %}
    {%- set rest = messages %}
{%- endif %}
{%- for m in rest %}
    {%- set role = 'model' if m['role'] == 'assistant' else m['role'] %}
    {{- '<start_of_turn>' + role + '\\n' + (first if loop.first else '') }}
    {%- if m['content'] is string %}
        {{- m['content'] | trim }}
    {%- elif m['content'] is iterable %}
        {%- for part in m['content'] %}
            {%- if part['type'] == 'text' %}{{ part['text'] | trim }}{% endif %}
        {%- endfor %}
    {%- endif %}
    {{- '<end_of_turn>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"""
"""Like Gemma 3: both shapes of content, the system text within the first turn."""

MISTRAL = """\
{{- bos_token }}
{%- for m in messages %}
    {%- if m['role'] == 'user' %}
        {{- '[INST] ' + m['content'] + ' [/INST]' }}
    {%- elif m['role'] == 'assistant' %}
        {{- ' ' + m['content'] + eos_token }}
    {%- elif m['role'] == 'system' and loop.first %}
        {{- '[INST] ' + m['content'] + ' [/INST]' }}
    {%- endif %}
{%- endfor %}"""
"""Like Mistral: no generation prompt, a blank before an answer."""

MISTRAL_DROPS_SYSTEM = """\
{{- bos_token }}
{%- for m in messages if m['role'] != 'system' %}
    {%- if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}
    {%- else %}{{ m['content'] + eos_token }}{% endif %}
{%- endfor %}"""

PHI3 = """\
{%- for m in messages %}
    {{- '<|' + m['role'] + '|>\\n' + m['content'] + '<|end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"""
"""Like Phi-3: an end of text where the answer is not opened."""

QWEN3 = """\
{%- for m in messages %}
    {%- set content = m.content %}
    {%- if m.role == 'assistant' %}
        {%- set thought = '' %}
        {%- if '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.last %}
            {{- '<|im_start|>assistant\\n<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' }}
            {{- content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>assistant\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>' + m.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""
"""Like Qwen3: the last answer always has a block, an empty one where it holds no thought."""

PLAIN_BLOCK = """\
{%- for m in messages %}
    {{- '<|im_start|>' + m.role + '\\n' }}
    {%- if m.role == 'assistant' and loop.last %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}
    {{- m.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
"""Writes an empty block before the last answer, whatever that begins with."""

R1 = """\
{{- bos_token }}
{%- for m in messages %}
    {%- if m['role'] == 'user' %}
        {{- '<｜User｜>' + m['content'] }}
    {%- elif m['role'] == 'system' %}
        {{- m['content'] }}
    {%- else %}
        {%- set content = m['content'] %}
        {%- if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}
        {{- '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"""
"""Like DeepSeek-R1: the generation prompt opens a block, an answer that is given has none."""

PARTS = """\
{%- for m in messages %}
    {{- m.role + ': ' }}
    {%- for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}{% endfor %}
    {{- '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"""
"""Like SmolVLM and Idefics: content is read part by part."""

FIRST_PART = """\
{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content[0].text + '<|im_end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""

MIXED = """\
{%- for m in messages %}
    {%- if m.role == 'user' %}
        {%- for p in m.content %}{{ '[INST]' + p.text + '[/INST]' }}{% endfor %}
    {%- else %}
        {{- m.content + eos_token }}
    {%- endif %}
{%- endfor %}"""
"""Like Pixtral: the user's content in parts, that of others as a text."""

FAMILIES = {
    "chatml": CHATML,
    "chatml with a system text": CHATML_DEFAULT_SYSTEM,
    "llama 3": LLAMA3,
    "llama 3.1": LLAMA3_OLD_DATE,
    "gemma": GEMMA,
    "gemma 3": GEMMA3,
    "mistral": MISTRAL,
    "phi 3": PHI3,
    "qwen 3": QWEN3,
    "deepseek r1": R1,
}

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
CONTROL = (
    "<s>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "<|user|>",
    "<|system|>",
    "<|assistant|>",
    "<|end|>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<｜end▁of▁sentence｜>",
)
