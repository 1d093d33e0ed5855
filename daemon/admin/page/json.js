// JSON in which a number keeps its text: 100.10, 1e2, -0.0 and 38 digits are shown as they were sent.

const token = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

// A number that a double holds and prints the same is a number; any other becomes a string of the same text.
export function parseExact(text) {
  return JSON.parse(text.replace(token, (found) =>
    found[0] === '"' || String(Number(found)) === found ? found : `"${found}"`));
}
