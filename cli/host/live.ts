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
    this.#takeBack();
    this.#screen.write(shown.join(""));
    this.#drawn = shown.length;
  }

  /** Takes away what was drawn. */
  clear(): void {
    this.#takeBack();
    this.#drawn = 0;
  }

  #takeBack(): void {
    if (this.#drawn > 0) this.#screen.takeBack(this.#drawn);
  }
}
