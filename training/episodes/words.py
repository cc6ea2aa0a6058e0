"""Words to fill folders with: varied, everyday, and harmless."""

FIRST_NAMES = tuple(
    "Amara Anton Aisha Akira Alba Alvaro Anika Arjun Astrid Ayse Bao Beatriz Bela Bjorn Bruno Camille "
    "Carlos Celia Chidi Chloe Dalia Daniel Darya Diego Dmitri Edda Efua Elena Elias Emeka Emily Enzo Erik "
    "Esra Eva Fatima Farah Felix Fiona Florian Freya Gabriel Gita Giulia Grace Greta Hamid Hana Hassan "
    "Helga Hiro Hugo Ibrahim Ida Igor Ilse Imani Ines Ingrid Irina Isak Ivan Jacek Jana Jamal Javier Jin "
    "Joana Jonas Joseph Jules Kaito Karim Kaya Keiko Kemal Kenji Kofi Lara Lars Laila Lena Leo Liam Lina "
    "Linh Lior Louise Luca Lucia Luis Magda Malik Mara Marco Maria Marta Mateo Maya Mei Mila Milan Mira "
    "Mohammed Mona Nadia Naoki Nikolai Nina Noor Nora Olga Oliver Omar Oskar Otto Pablo Pavel Pedro Petra "
    "Priya Quentin Rafael Rania Ravi Rosa Rami Rita Robin Ruth Sakura Salma Samir Sanna Sara Selma Sofia "
    "Stefan Suki Sven Tara Tariq Teo Thea Tiago Tomas Tuan Ulla Uma Valentina Vera Viktor Wanda Wei "
    "Willem Xenia Yara Yasmin Yuki Yusuf Zainab Zara Zoe".split()
)
FAMILY_NAMES = tuple(
    "Abara Adler Almeida Andersen Aoki Baker Banerjee Barros Becker Bianchi Blake Bose Brandt Carter "
    "Castro Chen Clarke Costa Dahl Daly Davies Demir Diaz Dubois Eklund Ellis Farouk Ferrari Fischer "
    "Flores Fontaine Fraser Garcia Gomez Grant Gupta Haas Hansen Haddad Hayashi Hoffmann Hughes Ibarra "
    "Ito Ivanova Jansen Jensen Johansson Kaya Keller Khan Kim Kowalski Kumar Laine Lange Larsen Lee Lopez "
    "Mahmoud Malik Marino Mbeki Mehta Meyer Moreau Mori Murphy Nakamura Nguyen Novak Okafor Okoye Olsen "
    "Ortega Park Patel Pereira Petrov Popescu Quinn Rahman Ramos Reyes Ricci Rossi Saito Santos Sato "
    "Schmidt Silva Singh Smith Sokolov Svensson Tanaka Torres Tran Vargas Vogel Walker Weber Wong Yamada "
    "Yilmaz Zhang Ziegler".split()
)
CITIES = tuple(
    "Accra Aarhus Adelaide Ankara Antwerp Athens Auckland Bergen Berlin Bilbao Bogota Bologna Bristol "
    "Brno Busan Cairo Calgary Cardiff Cologne Cordoba Dakar Delhi Dublin Durban Fez Florence Gdansk "
    "Geneva Ghent Glasgow Graz Hamburg Hanoi Havana Helsinki Izmir Jakarta Kigali Kobe Krakow Kyoto Lagos "
    "Leeds Leipzig Lima Lisbon Lyon Madrid Malmo Manila Marseille Medellin Milan Montreal Mumbai Nairobi "
    "Nantes Naples Odense Osaka Oslo Ottawa Perth Porto Prague Quito Riga Rome Rotterdam Salzburg "
    "Santiago Sapporo Seoul Seville Sofia Split Tampere Tbilisi Tokyo Toronto Tunis Turin Utrecht "
    "Valencia Vienna Vilnius Warsaw York Zagreb Zurich".split()
)
NOUNS = tuple(
    "account address agenda album almond anchor apple archive arrow atlas axle backup badge balance ball "
    "banana band bank barrel basket battery beacon bean bell belt bench berry bicycle bill binder bird "
    "blanket board boat bolt book boot bottle box branch bread brick bridge broom brush bucket budget "
    "butter button cabin cable cake calendar camera candle canvas car card carpet carrot cart castle "
    "catalog chain chair chart cheese cherry chimney class client clinic clock cloth cloud coast coat "
    "coffee coin collar color column comet contact copper corn cotton counter course cousin cover crane "
    "crate cream crew crown cup curtain customer cycle dairy dance deck deposit desk device diary dinner "
    "doctor door dragon drawer dress drill drum duck eagle earth echo editor egg engine envelope errand "
    "evening event exam expense fabric falcon fan farm feather fence ferry festival field fig film filter "
    "fish flag flavor flight floor flour flower flute forest fork fountain fox frame fridge frost fruit "
    "fuel furnace garden garlic gate gauge ginger glass glove goal gold grain grape gravel grid group "
    "guest guide guitar gym hall hammer handle harbor harvest hat heater hedge helmet herb hill holiday "
    "honey hook horse host hotel house ice index ink insurance inventory invoice iron island ivy jacket "
    "jam jar jewel journal juice kettle key kitchen kite knife lab ladder lake lamp lane laptop laundry "
    "lawn leaf ledger lemon lens letter level library lighthouse lime linen lion list lobby lock log "
    "lunch machine magnet mail mango map maple marble market mask meadow meal medal meeting melon member "
    "menu metal meter milk mill minute mirror model monitor moon moss motor mountain museum mushroom "
    "napkin needle nest network north note novel nurse nut oak oat oboe ocean office olive onion orchard "
    "orchestra order oven owl package paint palace panel paper parcel park partner passport pasta path "
    "patient peach pear pebble pen pencil pepper permit phone photo piano picnic pillow pilot pine pipe "
    "planet plant plate plum pocket poem pond port poster potato powder printer project pump pupil puzzle "
    "quarry quilt quiz rabbit radio rail rain recipe record rent repair report rice ring river road robot "
    "rocket roof room root rope rose route rug ruler sail salad salary salt sample sand sauce scale scarf "
    "schedule school screen seat seed sensor server shelf shell ship shirt shoe shop signal silk silver "
    "sink sister sketch ski snow soap sock sofa soil song soup spice spoon spring stable staff stage "
    "stair stamp star station steel stem stone store storm story stove straw street student studio sugar "
    "suitcase summer supplier survey swan table tank task tea team tent theater thread ticket tile timber "
    "toast tool tower town toy track tractor trail train tray tree trip trophy truck tulip tunnel turbine "
    "umbrella unit valley valve van vase vendor village vine violin visitor voucher wagon wall walnut "
    "warehouse watch water wave wheat wheel willow window wine winter wire wolf wood wool workshop yard "
    "yarn zebra zone".split()
)
ADJECTIVES = tuple(
    "amber annual basic blue brief bright broken brown calm cheap clean clear cold cool copied daily damp "
    "dark deep digital double dry early eastern empty extra fast final first flat formal fresh full "
    "general gentle global grand gray green half heavy hidden high hot internal joint large last late "
    "light little local long loud lower main major mild minor mixed modern monthly narrow national neat "
    "new northern odd old open orange outer pale plain present private public purple quick quiet random "
    "rapid rare raw ready recent red regional remote rough round royal safe second secret senior sharp "
    "short silent simple single slow small smooth soft solid southern spare special square steady strong "
    "summary sweet tall temporary thick thin tiny total upper urgent useful usual warm weekly wet white "
    "wide wild wooden yellow young".split()
)
SYLLABLES = tuple(
    "ba be bi bo bra ca ce cla co da del di dor el fa fen fi fo ga gil go ha hel ho ja jun ka kel ki ko "
    "la len li lo ma mel mi mo na nel ni no or pa pel po qua ra rel ri ro sa sel si so ta tel ti tor tu "
    "va vel vi vo wa wen xi ya yo za zel zo".split()
)
FOLDERS = tuple(
    "archive data docs drafts files home inbox input logs lists meetings misc notes office old outbox "
    "papers plans private project records reports research sales scans shared site src stuff team texts "
    "today trips work".split()
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
SENTENCES = (
    "{name} will bring the {noun} on {day}.",
    "The {noun} in {city} is {adjective} this year.",
    "We ordered {number} of them from {city}.",
    "Please ask {name} about the {adjective} {noun}.",
    "The meeting moved to {day} at {number} past nine.",
    "{name} and {other} share the {noun}.",
    "Nobody has seen the {noun} since {month}.",
    "There were {number} visitors in {month}.",
    "The {adjective} {noun} goes to {other}.",
    "Remember to water the plants before {day}.",
    "It rained for {number} days in {city}.",
    "{other} paid for the {noun} and the {thing}.",
    "The {thing} is kept behind the {noun}.",
    "Deliveries arrive every {day}.",
    "A {adjective} {thing} costs {number} coins at the market.",
    "The team from {city} won by {number} points.",
    "{name} wrote that the {noun} is nearly done.",
    "Turn left at the {noun}, then follow the {adjective} road.",
    "The library closes early on {day}.",
    "He repaired the {thing} with a piece of {noun}.",
    "Our budget for the {noun} is spent.",
    "She prefers the {adjective} one.",
    "The old {noun} was sold in {month}.",
    "Ring {name} when the {thing} arrives.",
    "All {number} chairs were taken.",
    "In {month} the workshop moves to {city}.",
    "The recipe needs a {noun} and some {thing}.",
    "Training starts in {month}; bring a {noun}.",
)
TO_DO = (
    "call {name}", "buy a new {noun}", "book the {noun} for {name}", "clean the {noun}",
    "send the {noun} to {city}", "fix the {noun}", "return the {noun}", "pay for the {noun}",
    "water the {noun}", "ask {name} about the {noun}", "write to {name}", "order {noun} and {thing}",
    "pack the {noun}", "measure the {noun}", "visit {name} in {city}", "paint the {noun}",
    "check the {noun}", "renew the {noun}", "collect the {noun} from {name}", "plan the trip to {city}",
)  # fmt: skip
