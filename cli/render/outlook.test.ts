import assert from "node:assert/strict";
import { test } from "node:test";
import { outlookOf } from "../../core/api/restore/way.ts";
import { outlookText } from "./outlook.ts";

test("how objects would be rebuilt is told together for those alike, and what one of them takes nobody knows, all do", () => {
  const outlook = outlookOf([
    { how: "copy", seconds: 3600 },
    { how: "snapshot", seconds: 0 },
    { how: "copy", seconds: 7200 },
    { how: "none", seconds: null },
  ]);
  assert.equal(
    outlookText(outlook),
    "1 object of the snapshot itself, at once; 2 objects by a copy, in about 3 h; 1 object can't be made again there, only attached",
  );
  const unknown = outlookOf([
    { how: "copy", seconds: 3600 },
    { how: "copy", seconds: null },
  ]);
  assert.equal(outlookText(unknown), "2 objects by a copy, nobody knows how long that takes");
  assert.deepEqual(outlookOf([]), []);
});
