"""One message → one subscriber, over the network, once: webhook, mail or MQTT.

In: a `Subscription` and a `Parcel` (a message as its receivers get it). Out: nothing where it was taken; else
`DeliveryError`, which says whether trying again may help. May use: `addresses`, `model`, `errors`.
Never: decides who gets what, or tries again; gives an exercise to whom the actual is for, or the other way round;
tells a secret, a mail address or the path of an address in an error.
`dispatch` is the wall and the fork, `webhook`, `mail` and `mqtt` are the ways, `deadline` ends them in time.
Add here: a way, with its channel in `model.alert_rule` and its branch in `dispatch`. Tests: tests/deliver.
"""

from bousai.deliver.dispatch import hand_over
from bousai.deliver.parcel import Parcel

__all__ = ["Parcel", "hand_over"]
