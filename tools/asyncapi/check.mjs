// Reads an AsyncAPI document with AsyncAPI's own parser: `node check.mjs asyncapi.json`.
//
// Errors and warnings refuse it; what the parser only recommends, such as a newer version of the specification, is told.
// First the parser is seen to refuse the same document, damaged: a check that accepts everything proves nothing.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const SEVERITIES = ["error", "warning", "recommendation", "hint"];
const WARNING = 1;

const DAMAGES = {
  "an operation on a channel that is not there": (document) => {
    const [operation] = Object.values(document.operations);
    operation.channel.$ref = "#/channels/no.such.topic";
  },
  "a message whose payload is not there": (document) => {
    const [message] = Object.values(document.components.messages);
    message.payload.$ref = "#/components/schemas/NoSuchModel";
  },
  "a field of a type that there is not": (document) => {
    const fields = Object.values(document.components.schemas).flatMap((schema) => Object.values(schema.properties ?? {}));
    fields.find((field) => field.type).type = "strng";
  },
  "an operation that does what no operation does": (document) => {
    const [operation] = Object.values(document.operations);
    operation.action = "shout";
  },
};

async function complaints(text) {
  const { document, diagnostics } = await new Parser().parse(text);
  const wrong = diagnostics.filter((each) => each.severity <= WARNING);
  if (!document && wrong.length === 0) throw new Error("the parser gave neither a document nor a reason");
  return { wrong, told: diagnostics.filter((each) => each.severity > WARNING), document };
}

function say(diagnostic) {
  const at = diagnostic.path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
  console.log(`${SEVERITIES[diagnostic.severity]}: ${at || "/"}: ${diagnostic.message} (${diagnostic.code})`);
}

const file = process.argv[2];
const text = readFileSync(file, "utf8");
for (const [what, damage] of Object.entries(DAMAGES)) {
  const damaged = JSON.parse(text);
  damage(damaged);
  if ((await complaints(JSON.stringify(damaged))).wrong.length === 0) {
    console.log(`The parser accepts ${what}: this check proves nothing.`);
    process.exit(3);
  }
}
const { wrong, told, document } = await complaints(text);
[...wrong, ...told].forEach(say);
if (wrong.length > 0) {
  console.log(`${file}: refused, ${wrong.length} complaints. Mend the generator, common.events._asyncapi.`);
  process.exit(1);
}
const messages = document.components().messages().all().length;
console.log(`${file}: accepted, ${document.channels().all().length} channels, ${messages} messages.`);
