// What the page asks of the local server, and the stream of what happens.

export class ApiError extends Error {
  constructor(status, description) {
    super(description);
    this.status = status;
  }
}

async function read(response) {
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new ApiError(response.status, response.statusText || `HTTP ${response.status}`);
  }
  if (!answer.ok) throw new ApiError(response.status, answer.description);
  return answer.result;
}

export async function get(path, query) {
  return read(await fetch(`local/${path}?${new URLSearchParams(query)}`));
}

export async function post(path, payload, files = []) {
  if (!files.length) {
    return read(
      await fetch(`local/${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(payload),
      }),
    );
  }
  const form = new FormData();
  form.append("payload", JSON.stringify(payload));
  files.forEach(({ field, file }, place) => form.append(`${field}-${place}`, file, file.name || "photo.jpg"));
  return read(await fetch(`local/${path}`, { method: "POST", body: form }));
}

export async function put(path, query, body) {
  return read(await fetch(`local/${path}?${new URLSearchParams(query)}`, { method: "PUT", body }));
}

// Server-sent events, reconnected by the browser with Last-Event-ID; `lost` tells of a break.
export function listen(userId, after, onEvent, onState) {
  const source = new EventSource(`local/events?${new URLSearchParams({ user_id: userId, after })}`);
  source.addEventListener("open", () => onState(true));
  source.addEventListener("error", () => onState(false));
  source.addEventListener("message", (message) => onEvent(JSON.parse(message.data)));
  return source;
}
