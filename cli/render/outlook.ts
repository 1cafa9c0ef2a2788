import type { RebuildOutlook } from "../../core/api/restore/way.ts";
import { counted, durationText } from "./units.ts";

const byHow = {
  snapshot: "of the snapshot itself",
  clone: "of a clone",
  copy: "by a copy",
  none: "can't be made again there, only attached",
} as const;

const longText = ({ how, seconds }: RebuildOutlook[number]): string => {
  if (how === "none") return "";
  if (seconds === null) return ", nobody knows how long that takes";
  return seconds === 0 ? ", at once" : `, in about ${durationText(seconds)}`;
};

/** `1 object of the snapshot itself, at once; 2 objects by a copy, in about 3 h` */
export const outlookText = (outlook: RebuildOutlook): string =>
  outlook.map((part) => `${counted(part.objects, "object")} ${byHow[part.how]}${longText(part)}`).join("; ");
