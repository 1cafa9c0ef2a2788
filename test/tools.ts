import type { OptionalTool } from "../infra/local/demo/missing.ts";

/** What the tests try more with, where it is there. */
export const tools = [
  { name: "bash", package: "bash", without: "completion in bash is not tried" },
  { name: "e2fsck", package: "e2fsprogs", without: "no file system is made inside an image, changed and checked" },
  { name: "fish", package: "fish", without: "completion in fish is not tried" },
  { name: "jq", package: "jq", without: "it is not tried whether jq reads what --json prints" },
  { name: "mandoc", package: "mandoc", without: "the man page is not judged" },
  { name: "qemu-img", package: "qemu-utils", without: "only raw images go in and out, not those of qemu's formats" },
  { name: "rsync", package: "rsync", without: "the benchmark has nothing to be compared with" },
  { name: "systemd-analyze", package: "systemd", without: "the gateway's unit is not judged" },
  { name: "zsh", package: "zsh", without: "completion in zsh is not tried" },
  { name: "tar", package: "tar", without: "the holes of sparse images are not told beforehand" },
] as const satisfies readonly OptionalTool[];

export type ToolName = (typeof tools)[number]["name"];
