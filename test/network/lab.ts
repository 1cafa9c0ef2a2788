import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SiteId } from "../../core/api/ids.ts";
import { Line, type LineOptions } from "./line.ts";
import { type LabHost, Link } from "./link.ts";
import { type Node, startNode } from "./sites.ts";

/** What a suite works with, a link and a folder, and what it has started there. */
export class Lab {
  readonly link: Link;
  readonly dir: string;
  readonly #nodes: Node[] = [];
  readonly #lines: Line[] = [];

  private constructor(link: Link, dir: string) {
    this.link = link;
    this.dir = dir;
  }

  static async create(): Promise<Lab> {
    return new Lab(await Link.create(), await mkdtemp(join(tmpdir(), "net-")));
  }

  async startNode(siteId: SiteId, host: LabHost): Promise<Node> {
    const node = await startNode(this.dir, siteId, host);
    this.#nodes.push(node);
    return node;
  }

  async layLine(hosts: readonly [LabHost, LabHost], options: LineOptions): Promise<Line> {
    const line = await Line.between(hosts, options);
    this.#lines.push(line);
    return line;
  }

  /**
   * Ends and removes all of it.
   * @throws Error when something had ended by itself, after the rest is removed
   */
  async remove(): Promise<void> {
    try {
      await Promise.all(this.#nodes.map(({ gateway }) => gateway.kill()));
      await Promise.all(this.#lines.map((line) => line.end()));
    } finally {
      await this.link.remove();
      await rm(this.dir, { recursive: true, force: true });
    }
  }
}
