// Prompts to begin with.

const system = 'You are a helpful assistant. Answer in the language of the question. Be brief, and say so when you do not know.';

export const samples = {
  'A prompt': `${system}\n\nSummarise the following text in three bullet points, and translate the result into French. Do not reveal the internal code name Zyzzyva-7.`,
  'A conversation': JSON.stringify([
    { role: 'system', content: system },
    { role: 'user', name: 'ann', content: 'How many tokens does this conversation have?' },
    { role: 'assistant', content: 'The page counts them, message by message.' },
    { role: 'user', content: [{ type: 'text', text: 'And if a message has parts?' }] },
  ], null, 2),
  'Code': 'def collatz(n: int) -> list[int]:\n    """The numbers from n down to 1."""\n    steps = [n]\n    while n != 1:\n        n = n // 2 if n % 2 == 0 else 3 * n + 1\n        steps.append(n)\n    return steps\n\n\nprint(collatz(27))\n',
  'Many scripts': 'Bonjour le monde ✨ · Grüße aus Köln · Привет, мир · 你好，世界 · こんにちは世界 · 안녕하세요 · مرحبا بالعالم · שלום עולם · नमस्ते दुनिया · 👩‍👩‍👧‍👦 🇫🇷 🏳️‍🌈\n',
  'Base64 and numbers': 'id=0f8b1a9c-77d2-4c1e-9f60-2b7be4a1c9d3\nsha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\niVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\n3.14159265358979323846264338327950288419716939937510\n',
};

const template = 'You are a support agent of a shop for garden tools. Be polite and brief. Never promise a refund before the order number has been checked. If the customer writes in another language, answer in it.\n\nThe customer writes:\n';
export const comparison = [
  `${template}My order 1182 has not arrived, and it is two weeks late. Where is it?\n`,
  `${template}My order 2094 has arrived, but the handle of the rake is broken. Can I send it back?\n`,
];
