import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../api/errors.ts";
import { isSameName, nameBytesMax, newName, shownName } from "./name.ts";

const refused = (why: RegExp) => (error: unknown) => VisibleError.is(error, "BAD_REQUEST") && why.test(error.message);

describe("the name of what is made", () => {
  test("may be in any script, with emojis and with punctuation", () => {
    for (const name of ["web1", "büro", "数据库 01", "база", "💾 disk", "a/b", "it's <&> “fine”"]) {
      assert.equal(newName(name), name);
    }
  });

  test("is the same however its letters were composed", () => {
    assert.equal(newName("bu\u0308ro"), "büro");
    assert(isSameName("bu\u0308ro", "büro"));
    assert(!isSameName("buro", "büro"));
  });

  test("is refused where something can't carry it, saying why", () => {
    assert.throws(() => newName(""), refused(/it is empty/));
    assert.throws(() => newName(" web1"), refused(/begins or ends with a space/));
    assert.throws(() => newName("web1\u3000"), refused(/begins or ends with a space/));
    assert.throws(() => newName("a\nb"), refused(/U\+000A/));
    assert.throws(() => newName("a\u001b[31mb"), refused(/U\+001B/));
    assert.throws(() => newName("a\u2028b"), refused(/U\+2028/));
    assert.throws(() => newName("a\ud800b"), refused(/U\+D800/));
    assert.throws(() => newName("a\uffffb"), refused(/U\+FFFF/));
  });

  test("is not what a volume's id looks like, nor an option", () => {
    for (const id of ["lun-39b6f7242860ef15", "volume-39b6f7242860ef15", "LUN-39B6F7242860EF15"]) {
      assert.throws(() => newName(id), refused(/looks like the id of a volume/));
    }
    for (const name of ["-", "-web1", "--site"]) assert.throws(() => newName(name), refused(/begins with “-”/));
    for (const name of ["lun-1", "volume-of-web1", "lun-39b6f7242860ef15-copy", "web-1"])
      assert.equal(newName(name), name);
  });

  test("is refused where it has what nobody sees, or what turns the direction", () => {
    for (const bad of [
      "\u202e",
      "\u2066",
      "\u200f",
      "\u200b",
      "\u00ad",
      "\ufeff",
      "\u2060",
      "\u3164",
      "\u200d",
      "\ufe0f",
      "\u{e0041}",
    ]) {
      for (const name of [`a${bad}b`, bad.trim() === "" ? `a${bad}b` : bad]) {
        assert.throws(() => newName(name), refused(/it has the character U\+/), JSON.stringify(name));
      }
      assert.equal(shownName(`a${bad}b`), "a\ufffdb");
    }
  });

  test("may have what can't be seen where it is part of an emoji or of a script's spelling", () => {
    for (const name of ["👩\u200d💻", "❤\ufe0f", "1\ufe0f\u20e3", "👩🏽\u200d🚀", "می\u200cخواهم", "葛\u{e0100}"]) {
      assert.equal(newName(name), name);
      assert.equal(shownName(name), name);
    }
  });

  test("has 255 bytes at most, whichever characters they are of", () => {
    assert.equal(newName("n".repeat(nameBytesMax)).length, 255);
    assert.throws(() => newName("n".repeat(256)), refused(/it has 256 bytes in UTF-8, and 255 are the most/));
    assert.equal(newName("数".repeat(85)).length, 85);
    assert.throws(() => newName("数".repeat(86)), refused(/it has 258 bytes/));
  });

  test("comes through JSON, UTF-8 and another check as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }), (text) => {
        let name: string;
        try {
          name = newName(text);
        } catch {
          return;
        }
        assert.equal(newName(name), name);
        assert.equal(JSON.parse(new TextDecoder().decode(new TextEncoder().encode(JSON.stringify(name)))), name);
      }),
    );
  });

  test("is shown without what steers terminals, and shortened", () => {
    assert.equal(shownName("a\u001b[31mb\ud800"), "a\ufffd[31mb\ufffd");
    assert.equal(shownName("💾".repeat(101)), `${"💾".repeat(100)}…`);
  });
});
