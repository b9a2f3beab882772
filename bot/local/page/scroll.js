// The scrolled view: it stays at its end while it is there, whatever loads late or grows.

const NEAR_END = 140;
const SMOOTH_MILLISECONDS = 700; // longer than browsers take for a smooth scroll
const MARGIN = 8;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export class View {
  // `answer` gives the element that an answer with a picture begins with, or null.
  constructor(box, contents, answer, onMove) {
    this.box = box;
    this.answer = answer;
    this.pinned = true;
    this.smoothEnd = 0;
    let last = 0;
    box.addEventListener("scroll", () => {
      // On its way down it is as good as there; only a move up lets go of the end.
      if (this.near) this.pinned = true;
      else if (box.scrollTop < last - 1) this.pinned = false;
      last = box.scrollTop;
      onMove();
    });
    const resized = new ResizeObserver(() => {
      // Whoever has read on below the beginning of an answer is left there.
      if (this.pinned && box.scrollTop < this.end) this.toEnd(performance.now() < this.smoothEnd);
    });
    for (const part of [box, ...contents]) resized.observe(part);
  }

  // Where the end is: of an answer that is taller than the view, where its picture begins.
  get end() {
    const { box } = this;
    const bottom = box.scrollHeight - box.clientHeight;
    const answer = this.answer();
    if (!answer) return bottom;
    const top = answer.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
    return Math.max(0, Math.min(bottom, top - MARGIN));
  }

  get near() {
    return this.end - this.box.scrollTop < NEAR_END;
  }

  toEnd(smooth = false) {
    this.pinned = true;
    const smoothly = smooth && !reducedMotion.matches;
    if (smoothly) this.smoothEnd = performance.now() + SMOOTH_MILLISECONDS;
    this.box.scrollTo({ top: this.end, behavior: smoothly ? "smooth" : "instant" });
  }
}
