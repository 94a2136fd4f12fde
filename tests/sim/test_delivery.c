#include "check.h"
#include "world_sim.h"
int
main(void)
{
    struct sim_options o = {.seed = 1,
                            .nodes = 2,
                            .with_keys = true,
                            .keep_trace = true,
                            .trace_all = true};
    struct sim *sim = sim_new_with(&o);
    sim_drop_next(sim, 'B', 'A', 1);
    sim_send(sim, 'A', 'B', "hello");
    sim_run_ms(sim, 2000);
    CHECK(sim_expect(sim, ""));
    sim_free(sim);
    return check_end("delivery");
}
