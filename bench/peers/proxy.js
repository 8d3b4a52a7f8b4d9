// The limit of a gateway: everything goes on, nothing is looked at.
export default {
  fetch(request, env) {
    return env.UPSTREAM.fetch(request);
  },
};
