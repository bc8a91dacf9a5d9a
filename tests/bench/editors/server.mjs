// `node server.mjs y-websocket|hocuspocus`: the server that another editor's users would run, with its defaults, on a
// free port of loopback, which it prints. It ends with its standard input.
// Each loads its own packages only: two of them bring their own Yjs, and Yjs wants to be alone.

const starts = {
  async "y-websocket"() {
    const { createServer } = await import("node:http");
    const { WebSocketServer } = await import("ws");
    const { setupWSConnection } = await import("y-websocket/bin/utils");
    const http = createServer();
    const sockets = new WebSocketServer({ server: http });
    sockets.on("connection", setupWSConnection);
    await new Promise((listening) => http.listen(0, "127.0.0.1", listening));
    return http.address().port;
  },
  async hocuspocus() {
    const { Server } = await import("@hocuspocus/server");
    const server = new Server({ port: 0, address: "127.0.0.1", quiet: true });
    await server.listen();
    return server.address.port;
  },
};

const start = starts[process.argv[2]];
if (start === undefined) throw new Error(`${process.argv[2]} is no server that is known here`);
console.log(JSON.stringify({ port: await start() }));
process.stdin.on("end", () => process.exit(0)).resume();
