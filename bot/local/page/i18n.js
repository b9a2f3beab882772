// The page's own texts. What the bot says is the bot's affair; it sees the language_code.

const texts = {
  en: {
    brand: "Local chat",
    chats: "Chats",
    private: "Private chat",
    privateShort: "Chat",
    group: "Group",
    channel: "Channel",
    you: "You",
    actAs: "Act as",
    note: "Everything stays on this machine.",
    language: "Language",
    toDark: "Dark theme",
    toLight: "Light theme",
    messages: "Messages",
    write: "Message",
    writePost: "Post to the channel",
    caption: "Add a caption",
    send: "Send",
    attach: "Attach photos or files",
    commands: "Commands",
    noCommands: "The bot has set no commands yet",
    openInline: "Inline search",
    inlineQuery: "Search with @{bot}",
    inlineEmpty: "Nothing found",
    inlineLoading: "Searching…",
    inlineCount: "{n} results",
    close: "Close",
    remove: "Remove {name}",
    asFile: "Send as file",
    drop: "Drop photos here",
    reply: "Reply",
    replyTo: "Reply to {name}",
    edit: "Edit",
    editing: "Editing",
    forward: "Forward to: {chat}",
    copy: "Copy text",
    delete: "Delete",
    more: "More",
    edited: "edited",
    forwarded: "Forwarded from {name}",
    via: "via @{bot}",
    photo: "Photo",
    album: "Album, {n} photos",
    file: "File",
    other: "Message of a kind this page does not show",
    bot: "bot",
    members: "group with the bot",
    subscribers: "channel with the bot",
    absent: "the bot is not here",
    typing: "typing…",
    upload_photo: "sending a photo…",
    upload_document: "sending a file…",
    action: "working…",
    start: "Start",
    welcome: "Say hello to the bot",
    welcomeText: "Press Start, drop a photo, or describe a picture in words.",
    emptyGroup: "Mention @{bot} or reply to it to talk in the group.",
    emptyChannel: "Post a photo with a caption: the bot sees every post.",
    offline: "No connection to the local server. Trying again…",
    previous: "Previous photo",
    next: "Next photo",
    view: "Open photo {n}",
    today: "Today",
    yesterday: "Yesterday",
    toEnd: "To the newest message",
    newMessages: "New messages",
    botAdd: "Let the bot in",
    botRemove: "Remove the bot from here",
    botBlock: "Block the bot",
    botUnblock: "Unblock the bot",
    tooMany: "An album holds at most 10 photos; the first 10 were taken.",
    noAnswer: "The bot did not answer the button.",
    inlineNoAnswer: "The bot did not answer.",
    ok: "OK",
    saved: "Copied",
    size: "{n} MB",
    sizeKb: "{n} KB",
  },
  ru: {
    brand: "Локальный чат",
    chats: "Чаты",
    private: "Личный чат",
    privateShort: "Чат",
    group: "Группа",
    channel: "Канал",
    you: "Вы",
    actAs: "Писать как",
    note: "Всё остаётся на этом компьютере.",
    language: "Язык",
    toDark: "Тёмная тема",
    toLight: "Светлая тема",
    messages: "Сообщения",
    write: "Сообщение",
    writePost: "Запись в канал",
    caption: "Добавьте подпись",
    send: "Отправить",
    attach: "Прикрепить фото или файлы",
    commands: "Команды",
    noCommands: "Бот ещё не задал команд",
    openInline: "Инлайн-поиск",
    inlineQuery: "Поиск через @{bot}",
    inlineEmpty: "Ничего не нашлось",
    inlineLoading: "Ищу…",
    inlineCount: "Найдено: {n}",
    close: "Закрыть",
    remove: "Убрать {name}",
    asFile: "Отправить файлом",
    drop: "Перетащите фото сюда",
    reply: "Ответить",
    replyTo: "Ответ: {name}",
    edit: "Изменить",
    editing: "Правка",
    forward: "Переслать: {chat}",
    copy: "Скопировать текст",
    delete: "Удалить",
    more: "Ещё",
    edited: "изменено",
    forwarded: "Переслано от {name}",
    via: "через @{bot}",
    photo: "Фото",
    album: "Альбом, фото: {n}",
    file: "Файл",
    other: "Сообщение, которое эта страница не показывает",
    bot: "бот",
    members: "группа с ботом",
    subscribers: "канал с ботом",
    absent: "бота здесь нет",
    typing: "печатает…",
    upload_photo: "отправляет фото…",
    upload_document: "отправляет файл…",
    action: "занят…",
    start: "Начать",
    welcome: "Поздоровайтесь с ботом",
    welcomeText: "Нажмите «Начать», перетащите фото или опишите картинку словами.",
    emptyGroup: "В группе упомяните @{bot} или ответьте на его сообщение.",
    emptyChannel: "Опубликуйте фото с подписью: бот видит каждую запись.",
    offline: "Нет связи с локальным сервером. Пробую снова…",
    previous: "Предыдущее фото",
    next: "Следующее фото",
    view: "Открыть фото {n}",
    today: "Сегодня",
    yesterday: "Вчера",
    toEnd: "К последнему сообщению",
    newMessages: "Новые сообщения",
    botAdd: "Впустить бота",
    botRemove: "Удалить бота отсюда",
    botBlock: "Заблокировать бота",
    botUnblock: "Разблокировать бота",
    tooMany: "В альбоме не больше 10 фото; взяты первые 10.",
    noAnswer: "Бот не ответил на нажатие.",
    inlineNoAnswer: "Бот не ответил.",
    ok: "Хорошо",
    saved: "Скопировано",
    size: "{n} МБ",
    sizeKb: "{n} КБ",
  },
};

let current = "en";

export const languages = Object.keys(texts);

export function setLanguage(language) {
  current = languages.includes(language) ? language : "en";
  document.documentElement.lang = current;
}

export function language() {
  return current;
}

export function t(key, values = {}) {
  return texts[current][key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function timeOf(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(current, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function dayOf(seconds) {
  const date = new Date(seconds * 1000);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 864e5);
  if (days === 0) return t("today");
  if (days === 1) return t("yesterday");
  return date.toLocaleDateString(current, { day: "numeric", month: "long" });
}

export function bytes(size) {
  const mega = size / 1048576;
  const number = (value) => value.toLocaleString(current, { maximumFractionDigits: value < 10 ? 1 : 0 });
  return mega >= 1 ? t("size", { n: number(mega) }) : t("sizeKb", { n: number(Math.max(size / 1024, 0.1)) });
}
