// Text files as people have them: any of the usual encodings; CSV, TSV and JSON lines.

import { FolderError } from "./folder.js";

// Beyond that a page would stand still for seconds, or run out of memory.
const MAX_BYTES = 128 * 1048576;

export async function readText(file, most = MAX_BYTES) {
  if (file.size > most) throw new FolderError("takeHuge", { name: file.name, n: Math.round(most / 1048576) });
  let bytes;
  try {
    bytes = await file.arrayBuffer();
  } catch {
    throw new FolderError("takeUnreadable", { name: file.name });
  }
  return decode(bytes);
}

function decode(bytes) {
  const [first, second] = new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength));
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1251").decode(bytes);
  }
}

export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// One object a line; a line that is none comes as null.
export function jsonLines(text) {
  return text.split("\n").filter((line) => line.trim()).map((line) => {
    const row = parseJson(line);
    return isObject(row) ? row : null;
  });
}

// Rows with the names of the columns, in lower case, from the first line.
export function csvRows(text) {
  const [head] = text.split("\n", 1);
  const mark = ["\t", ";", ","].reduce((best, one) => (head.split(one).length > head.split(best).length ? one : best), ",");
  const [names = [], ...rows] = cells(text, mark);
  return rows.map((row) => Object.fromEntries(names.map((name, place) => [name.trim().toLowerCase(), row[place] ?? ""])));
}

function cells(text, mark) {
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const sign = text[i];
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[i + 1] === '"') cell += text[(i += 1)];
      else quoted = false;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === mark || sign === "\n") {
      row.push(cell);
      cell = "";
      if (sign === "\n") {
        rows.push(row);
        row = [];
      }
    } else if (sign !== "\r") cell += sign;
  }
  if (cell || row.length) rows.push([...row, cell]);
  return rows.filter((one) => one.some((value) => value.trim()));
}
