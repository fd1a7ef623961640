// Tokens in each encoding, beside the context limits of models; conversations by message.
import { $, bar, count, el, fixed, percent, table } from './dom.js';
import { visible } from './text.js';

// The largest prompt that each model takes, by its maker's documentation.
const limits = [
  ['gpt-5', 'o200k_base', 400000], ['gpt-4.1', 'o200k_base', 1047576], ['gpt-4o', 'o200k_base', 128000],
  ['o3, o4-mini', 'o200k_base', 200000], ['gpt-oss', 'o200k_harmony', 131072], ['gpt-4-turbo', 'cl100k_base', 128000],
  ['gpt-4', 'cl100k_base', 8192], ['gpt-3.5-turbo', 'cl100k_base', 16385], ['text-embedding-3', 'cl100k_base', 8191],
  ['text-davinci-003', 'p50k_base', 4097], ['gpt-2', 'gpt2', 1024],
];

export function showCounts(answer) {
  const least = Math.min(...answer.encodings.map((encoding) => encoding.tokens));
  $('counts').replaceChildren(table('Tokens in each encoding', ['Encoding', 'Tokens', 'Bytes/token', 'More'],
    answer.encodings.map(({ name, tokens }) => [name, count(tokens),
      fixed(tokens > 0 ? answer.bytes / tokens : NaN, 2), percent(tokens > 0 ? tokens / least - 1 : 0)])));
  $('limits').replaceChildren(drawLimits(new Map(answer.encodings.map(({ name, tokens }) => [name, tokens]))));
}

function drawLimits(tokens) {
  return el('div', { class: 'chart' }, el('h3', {}, 'Of the context that a model has'),
    el('ul', {}, ...limits.map(([model, encoding, limit]) => {
      const share = tokens.get(encoding) / limit;
      return el('li', { class: share > 1 ? 'over' : undefined }, el('span', { title: `${encoding}, ${count(limit)} tokens` }, model),
        bar(share, 1), el('span', { class: share > 1 ? 'bad' : undefined }, share > 1 ? `over: ${percent(share)}` : percent(share)));
    })));
}

// --- Conversations ----------------------------------------------------------------------

// The messages of an array of them, or of a request; null where the text is neither.
export function messagesOf(text) {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    const json = JSON.parse(text);
    const messages = Array.isArray(json) ? json : json?.messages;
    const good = (message) => message !== null && typeof message === 'object' && 'role' in message;
    return Array.isArray(messages) && messages.length > 0 && messages.every(good) ? messages : null;
  } catch {
    return null;
  }
}

// The text of a message: a string, or parts.
function contentOf(message) {
  const { content } = message;
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return content === null || content === undefined ? '' : JSON.stringify(content);
  return content.map((part) => (typeof part?.text === 'string' ? part.text : JSON.stringify(part))).join('\n');
}

function drawMessage(message, tokens) {
  const name = typeof message.name === 'string' ? ` (${message.name})` : '';
  const others = Object.keys(message).filter((key) => !['role', 'content', 'name'].includes(key));
  return el('article', { class: 'message' }, el('h3', {}, `${message.role}${name}: ${tokens === undefined ? '' : `${count(tokens)} tokens`}`),
    el('pre', { tabindex: 0 }, visible(contentOf(message), false)),
    others.length > 0 ? el('p', { class: 'note' }, `also has ${others.join(', ')}`) : null);
}

const MESSAGES = 200;

// answer: null where the counts are not known.
export function showChat(messages, answer) {
  $('chat-card').hidden = messages === null;
  if (messages === null) return;
  const sum = answer === null ? 'How models of this encoding count conversations is not known.'
    : `${count(messages.length)} messages, ${count(answer.tokens)} tokens as OpenAI’s API counts them, ${answer.reply} of which begin the reply.` +
      (answer.uncounted ? ` Not counted: ${answer.uncounted}.` : '');
  $('chat').replaceChildren(el('p', {}, sum),
    ...messages.slice(0, MESSAGES).map((message, i) => drawMessage(message, answer?.messages[i])),
    messages.length > MESSAGES ? el('p', { class: 'note' }, `and ${count(messages.length - MESSAGES)} more`) : '');
}
