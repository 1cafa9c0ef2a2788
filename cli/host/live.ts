import { fitted } from "../render/style.ts";
import type { Screen } from "./host.ts";

/** Lines at the end of a terminal that are drawn again and again in place. */
export class LiveLines {
  readonly #screen: Screen;
  #drawn = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /**
   * In the place of what was drawn before. Lines are cut to the terminal's width, so
   * that none takes two.
   */
  draw(lines: readonly string[]): void {
    const shown = lines.map((line) => `${fitted(line, this.#screen.columns - 1)}\n`);
    this.#screen.write(this.#toTheFirst() + shown.join(""));
    this.#drawn = shown.length;
  }

  /** Takes away what was drawn. */
  clear(): void {
    this.#screen.write(this.#toTheFirst());
    this.#drawn = 0;
  }

  /** Up to the first line, and all below it erased (ECMA-48: CPL, ED). */
  #toTheFirst(): string {
    return this.#drawn === 0 ? "" : `\u001b[${this.#drawn}F\u001b[0J`;
  }
}
