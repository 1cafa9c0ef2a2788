import { InvalidArgumentError } from "commander";
import { bytesIn } from "../../core/api/bytes.ts";

/** A size on the command line, in bytes. @throws InvalidArgumentError */
export const size = (text: string): number => {
  const bytes = bytesIn(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new InvalidArgumentError("A size such as 10737418240 or 10GiB, please.");
};
