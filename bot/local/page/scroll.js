// The scrolled view: it stays at its end while it is there, whatever loads late or grows.

const NEAR = 140;
const GLIDE = 700; // longer than browsers take for a smooth scroll
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class View {
  constructor(box, contents, onMove) {
    this.box = box;
    this.pinned = true;
    this.glideEnd = 0;
    let last = 0;
    box.addEventListener("scroll", () => {
      // On its way down it is as good as there; only a move up lets go of the end.
      if (this.near) this.pinned = true;
      else if (box.scrollTop < last - 1) this.pinned = false;
      last = box.scrollTop;
      onMove();
    });
    const grown = new ResizeObserver(() => {
      if (this.pinned) this.toEnd(performance.now() < this.glideEnd);
    });
    for (const part of [box, ...contents]) grown.observe(part);
  }

  get near() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR;
  }

  toEnd(smooth = false) {
    this.pinned = true;
    const glide = smooth && !calm.matches;
    if (glide) this.glideEnd = performance.now() + GLIDE;
    this.box.scrollTo({ top: this.box.scrollHeight, behavior: glide ? "smooth" : "instant" });
  }
}
