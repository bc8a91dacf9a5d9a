// Sets the stage for `./dev run`: two accounts, ada and grace, who share the room boat-shed. What is there already stays.
//
// It speaks to the same engine as the windows do, through `momo rpc` on the data folders that the windows open next.
import { parseArgs } from "node:util";
import path from "node:path";
import { Momo } from "./momo.mjs";

const ROOM = "boat-shed";
const PEOPLE = [
  { handle: "ada", displayName: "Ada Okafor", password: "boat-shed ada" },
  { handle: "grace", displayName: "Grace Lindqvist", password: "boat-shed grace" },
];

const { values: options } = parseArgs({ options: { server: { type: "string" }, data: { type: "string" } } });
if (options.server === undefined || options.data === undefined) {
  console.error("demo.mjs needs --server HOST:PORT and --data DIR.");
  process.exit(2);
}

const opened = [];
try {
  for (const person of PEOPLE) opened.push(await signIn(person));
  const [ada, grace] = opened;
  const roomId = (await roomOf(ada)) ?? (await ada.call("rooms.create", { name: ROOM, kind: "chat", visibility: "private", topic: "Rebuild of the shed: plans, tides, deliveries" })).roomId;
  if ((await roomOf(grace)) === null) {
    const { invite } = await ada.call("rooms.invite", { roomId });
    await grace.call("rooms.join", { invite });
    await tell(ada, grace, roomId, "Morning. Low water is at 10:40, so we have about two hours on the slip.");
    await tell(grace, ada, roomId, "Already in the van. And I found the winch manual at last.");
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await Promise.all(opened.map((momo) => momo.close()));
}

async function signIn({ handle, displayName, password }) {
  const momo = new Momo(path.join(options.data, handle));
  try {
    const { account } = await momo.call("account.whoami");
    if (account === null) {
      await momo.call("account.register", { server: options.server, handle, password, displayName });
      console.log(`${handle}: made an account, password "${password}"`);
    } else {
      console.log(`${handle}: signed in already`);
    }
    return momo;
  } catch (error) {
    await momo.close();
    throw error;
  }
}

async function roomOf(momo) {
  const { rooms } = await momo.call("rooms.list");
  return rooms.find((room) => room.name === ROOM)?.roomId ?? null;
}

/** Says it, and waits until it has arrived, so that the windows open on a conversation that both have. */
async function tell(author, reader, roomId, text) {
  await Promise.all([
    reader.event((event) => event.type === "message.new" && event.message.text === text),
    author.call("messages.send", { roomId, text }),
  ]);
}
